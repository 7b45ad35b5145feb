// Versions of the settings: history, one version, dry run, publish, roll back. What may be published is decided in flows/publish-settings.ts.

import { z } from "zod";
import { type PublishResult, publishSettings, rollBack } from "../flows/publish-settings.js";
import type { PublishedVersion } from "../storage/settings-versions.js";
import { type Refusal, refuse } from "./answer.js";
import { route } from "./route.js";
import { instant, nothing } from "./shapes.js";

const problemSchema = z.object({ path: z.string(), problem: z.string(), fix: z.string() });

const versionSchema = z.object({
  version: z.int(),
  previous: z.int(),
  language: z.int(),
  publishedAt: instant,
  by: z.string(),
  note: z.string(),
  tables: z.array(z.string()),
});

const documentSchema = z.record(z.string(), z.unknown());

const resultSchema = z
  .object({
    outcome: z.enum(["published", "unchanged", "checked", "refused"]),
    version: z.int(),
    problems: z.array(problemSchema),
    warnings: z.array(problemSchema),
    changes: z.array(z.object({ table: z.string(), change: z.enum(["new", "changed", "removed"]) })),
    differences: z
      .array(
        z.object({ table: z.string(), path: z.string(), from: z.unknown().optional(), to: z.unknown().optional() }),
      )
      .describe("Every value that differs from the documents in force; a side that has none is left out."),
    replays: z.object({ ordered: z.array(z.string()), owed: z.array(z.string()) }),
  })
  .meta({ id: "PublishResult" });

/** All mappings that are to be in force together, as they stand in a request. */
export const documentsSchema = z.array(documentSchema).min(1).max(100);
/** LCID of the labels that documents name. */
export const languageSchema = z.int().min(1).max(0xffff);

const options = {
  note: z.string().max(1_000).optional(),
  basedOn: z
    .int()
    .min(1)
    .optional()
    .describe("The version you have seen in force; with another one in force nothing is published."),
  replay: z.boolean().default(true).describe("False: records change as their rows change, and not before."),
};

/** Settings. */
export const settingsRoutes = [
  route({
    method: "GET",
    path: "/settings",
    summary: "The version in force and the versions before it, newest first",
    params: nothing,
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(200).default(50),
      before: z.coerce.number().int().min(1).optional(),
    }),
    answer: z.object({ inForce: z.int(), versions: z.array(versionSchema), more: z.boolean() }),
    async handle({ ports, query: { limit, before = Number.POSITIVE_INFINITY } }) {
      const { versions } = ports.publishing;
      const [{ version: inForce }, all] = await Promise.all([versions.inForce(), versions.history()]);
      const older = all.filter(({ version }) => version < before);
      return { inForce, versions: older.slice(0, limit).map(toVersion), more: older.length > limit };
    },
  }),
  route({
    method: "GET",
    path: "/settings/{version}",
    summary: "One version with its documents; `current` is the one in force",
    params: z.strictObject({
      version: z.string().regex(/^(current|[1-9]\d{0,8})$/, "give a version's number, or current"),
    }),
    query: nothing,
    answer: versionSchema.extend({ documents: z.array(z.unknown()) }),
    refusals: [404],
    async handle({ ports, params }) {
      const { versions } = ports.publishing;
      const number = params.version === "current" ? (await versions.inForce()).version : Number(params.version);
      const found = await versions.read(number);
      if (!found) return refuse(404, "missing", "there is no such version of the settings");
      return { ...toVersion(found), documents: found.texts.map((text): unknown => JSON.parse(text)) };
    },
  }),
  route({
    method: "POST",
    path: "/settings/check",
    summary: "Says all that publishing would say, and publishes nothing",
    params: nothing,
    query: nothing,
    body: z.strictObject({ documents: documentsSchema, language: languageSchema.optional(), basedOn: options.basedOn }),
    answer: resultSchema,
    refusals: [409, 502],
    isLong: true,
    async handle({ ports, operator, body }) {
      return toResult(await publishSettings(ports.publishing, { ...body, by: operator, check: true }));
    },
  }),
  route({
    method: "POST",
    path: "/settings/publish",
    summary: "Puts these documents, all together, in force as the next version, within seconds and without a stop",
    description:
      "Orders a replay `changed` of every table whose records may differ by it. Twice the same is published once. With problems nothing is published, and all of them are answered.",
    params: nothing,
    query: nothing,
    body: z.strictObject({ documents: documentsSchema, language: languageSchema.optional(), ...options }),
    answer: resultSchema,
    refusals: [409, 502],
    isLong: true,
    async handle({ ports, operator, body }) {
      return orRefusal(await publishSettings(ports.publishing, { ...body, by: operator }), "body.documents");
    },
  }),
  route({
    method: "POST",
    path: "/settings/roll-back",
    summary: "Publishes the documents of an older version anew, as the next version",
    params: nothing,
    query: nothing,
    body: z.strictObject({ version: z.int().min(1), ...options }),
    answer: resultSchema,
    refusals: [404, 409, 502],
    isLong: true,
    async handle({ ports, operator, body: { note, ...body } }) {
      const said = note === undefined ? {} : { note };
      return orRefusal(await rollBack(ports.publishing, { ...body, ...said, by: operator }), `version ${body.version}`);
    },
  }),
];

function toVersion({ documents, version, previous, language, publishedAt, by, note }: PublishedVersion) {
  return { version, previous, language, publishedAt, by, note, tables: documents.map(({ table }) => table) };
}

type Result = z.output<typeof resultSchema>;

function toResult({ problems, warnings, changes, differences, replays, ...rest }: PublishResult): Result {
  return {
    ...rest,
    problems: [...problems],
    warnings: [...warnings],
    changes: [...changes],
    differences: [...differences],
    replays: { ordered: [...replays.ordered], owed: [...replays.owed] },
  };
}

/** Problems of a document lie under `at`; those of the rest of the request say where themselves. */
function orRefusal(result: PublishResult, at: string): Result | Refusal {
  if (result.outcome !== "refused") return toResult(result);
  return refuse(
    400,
    "not-publishable",
    "the settings cannot be published; nothing was changed",
    documentProblems(result.problems, at),
  );
}

/** Problems of documents, placed where the documents lie in the request. */
export function documentProblems(
  problems: PublishResult["problems"],
  at: string,
): { path: string; problem: string; fix: string }[] {
  return problems.map(({ path, problem, fix }) => ({
    path: path.startsWith("[") ? at + path : `body.${path}`,
    problem,
    fix,
  }));
}
