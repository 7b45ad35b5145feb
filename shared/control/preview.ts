// What a mapping, in force or a draft, would do to some records. The differences are found in flows/preview.ts.

import { z } from "zod";
import { prepareSettings } from "../flows/prepare-settings.js";
import { maxPreviewRecords, previewRecords } from "../flows/preview.js";
import { type CompiledMapping, compileMapping } from "../mapping/compile.js";
import { isRefusal, type Refusal, refuse } from "./answer.js";
import type { ControlPorts } from "./ports.js";
import { route } from "./route.js";
import { documentProblems, documentsSchema, languageSchema } from "./settings.js";
import { nothing, recordId, tableName } from "./shapes.js";
import { mappingOf } from "./tables.js";

const outcomes = [
  "created",
  "updated",
  "unchanged",
  "deleted",
  "gone",
  "filtered",
  "refused",
  "waiting",
  "failed",
] as const;

const usualLanguage = 1033;

const bodySchema = z.strictObject({
  table: tableName,
  ids: z.array(recordId).min(1).max(maxPreviewRecords),
  documents: documentsSchema.optional().describe("A draft, all mappings together; without it the settings in force."),
  language: languageSchema.optional(),
  replay: z
    .boolean()
    .default(false)
    .describe("True: as a replay would write the records, insert-only fields included."),
});

/** Preview. */
export const previewRoute = route({
  method: "POST",
  path: "/preview",
  summary:
    "The field-level difference that the settings, or a draft of them, would make to some records; writes nothing",
  description:
    "Reads the records afresh from both systems, one Campaign call each. The answer holds people's data: show it, do not keep it.",
  params: nothing,
  query: nothing,
  body: bodySchema,
  answer: z.object({
    records: z.array(z.looseObject({ id: z.string(), outcome: z.enum(outcomes) })),
    counts: z.partialRecord(z.enum(outcomes), z.int()),
  }),
  refusals: [404, 502],
  isLong: true,
  async handle({ ports, body }) {
    const mapping = await wantedMapping(ports, body);
    if ("refused" in mapping) return mapping;
    const { records, counts } = await previewRecords(ports.ingress, mapping, body.ids, { replay: body.replay });
    return { records: records.map((record) => ({ ...record })), counts };
  },
});

async function wantedMapping(
  ports: ControlPorts,
  { table, documents, language }: z.output<typeof bodySchema>,
): Promise<CompiledMapping | Refusal> {
  if (!documents) return mappingOf(ports, table);
  const mappings = await draftMappings(ports, documents, language);
  if (isRefusal(mappings)) return mappings;
  const mapping = mappings.find((candidate) => candidate.table.name === table);
  return mapping ?? refuse(404, "not-mapped", "the draft maps no such table");
}

/** The mappings of a draft, or why they could not be published. `language` (LCID): of the labels that the documents name. */
export async function draftMappings(
  { publishing }: ControlPorts,
  documents: z.output<typeof documentsSchema>,
  language = usualLanguage,
): Promise<CompiledMapping[] | Refusal> {
  const { mappings, problems } = await prepareSettings(publishing.metadata, documents, { language, tracking: true });
  if (problems.length === 0) return mappings.map(compileMapping);
  return refuse(400, "not-publishable", "the draft is not right", documentProblems(problems, "body.documents"));
}
