// A RemoteExecutionContext, as webhook and Service Bus endpoint post it, to what we make of it (facts/dataverse.md §1.3 to §1.8).
// Pure. Which rows it names is named-records.ts, what is done with a notice flows/receive-notice.ts.

import { z } from "zod";
import { MalformedError } from "../errors.js";
import type { Notice } from "../flows/notice.js";
import type { CompiledMapping } from "../mapping/compile.js";
import { parseRowVersion, type RecordId, type RowVersion } from "../model/ids.js";
import type { Row } from "../model/row.js";
import { namedRecords, pairSchema, readRecordId } from "./named-records.js";
import { rowFromContext } from "./to-row.js";

const pairs = z.array(pairSchema).nullish();
const contextSchema = z.object({
  MessageName: z.string().min(1),
  PrimaryEntityName: z.string().nullish(),
  PrimaryEntityId: z.string().nullish(),
  OrganizationId: z.string(),
  CorrelationId: z.string().nullish(),
  RequestId: z.string().nullish(),
  OperationId: z.string().nullish(),
  OperationCreatedOn: z.string().nullish(),
  InputParameters: pairs,
  OutputParameters: pairs,
  SharedVariables: pairs,
  PostEntityImages: pairs,
  ParentContext: z.unknown().optional(),
});
const imageSchema = z.object({ Id: z.string(), Attributes: z.array(pairSchema), RowVersion: z.string().nullish() });

/** Alias under which a post-image of exactly this mapping's columns is registered; another alias proves nothing about its columns. */
export function imageAliasOf(mapping: CompiledMapping): string {
  return `post_${mapping.columnSet}`;
}

/** Reads a posted context. `receivedAt` (ISO) stands in for a missing time. Throws MalformedError naming the member. */
export function parseNotice(body: unknown, receivedAt: string): Notice {
  const parsed = contextSchema.safeParse(body);
  if (!parsed.success) throw notAContext(parsed.error.issues[0]?.path.join(".") || "the body");
  const context = parsed.data;
  if (context.PrimaryEntityId && readRecordId(context.PrimaryEntityId) === undefined)
    throw notAContext("PrimaryEntityId");
  const message = context.MessageName;
  const images = withImages.has(message) ? context.PostEntityImages : undefined;
  return {
    organizationId: context.OrganizationId.toLowerCase(),
    message,
    records: namedRecords(context).map(({ table, id }) => ({
      table,
      id,
      deleted: deletions.has(message),
      image: (mapping) => imageRow(images, id, mapping),
    })),
    // Every message has parameters; the platform removes them from a body that is too large (§1.6).
    truncated: context.InputParameters === undefined || context.InputParameters === null,
    occurredAt: occurredAt(context.OperationCreatedOn, receivedAt),
    correlationId: (context.CorrelationId ?? "").slice(0, longestId),
    requestId: context.RequestId ?? "",
    operationId: context.OperationId ?? "",
    tags: [...tagsOf(context)],
  };
}

/** The messages whose image is the row as it was committed; after any other the row is read. */
const withImages: ReadonlySet<string> = new Set(["Create", "Update"]);
const deletions: ReadonlySet<string> = new Set(["Delete", "DeleteMultiple", "BulkDelete"]);
/** What an envelope can carry. */
const longestId = 128;

function notAContext(member: string): MalformedError {
  return new MalformedError(`not a RemoteExecutionContext: ${member} is missing or wrong`);
}

/** The sender's time of the change, without the offset some dumps shift it by; the time of receipt where there is none. */
function occurredAt(created: string | null | undefined, receivedAt: string): string {
  const ms = /^\/Date\((\d+)/.exec(created ?? "")?.[1];
  const at = ms === undefined ? Date.parse(created ?? "") : Number(ms);
  return at >= 0 && at <= lastInstant ? new Date(at).toISOString() : receivedAt;
}

/** Later years are not written with four digits. */
const lastInstant = Date.UTC(9999, 11, 31);

const deepestParent = 8;

function* tagsOf(context: unknown, depth = 0): Generator<string> {
  const parsed = z.object({ SharedVariables: pairs, ParentContext: z.unknown().optional() }).safeParse(context);
  if (!parsed.success || depth > deepestParent) return;
  for (const { key, value } of parsed.data.SharedVariables ?? []) {
    if (key === "tag" && typeof value === "string") yield value;
  }
  yield* tagsOf(parsed.data.ParentContext, depth + 1);
}

/** Images leave empty columns out; only because the alias names the column set can they be told from unknown ones. */
function imageRow(
  images: z.infer<typeof pairs>,
  id: RecordId,
  mapping: CompiledMapping,
): { version: RowVersion; row: Row } | undefined {
  const found = images?.find((image) => image.key === imageAliasOf(mapping));
  const parsed = imageSchema.safeParse(found?.value);
  if (!parsed.success || readRecordId(parsed.data.Id) !== id) return undefined;
  const version = parseRowVersion(parsed.data.RowVersion);
  if (version === undefined) return undefined;
  try {
    const given = new Map(parsed.data.Attributes.map(({ key, value }) => [key, value]));
    return { version, row: rowFromContext(mapping, given) };
  } catch (error) {
    // A value that is none: the row itself has a better one.
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}
