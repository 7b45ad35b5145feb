// A RemoteExecutionContext, as webhook and Service Bus endpoint post it, to what we make of it (facts/dataverse.md §1.3 to §1.8).
// Pure. What is done with a notice is flows/receive-notice.ts.

import { z } from "zod";
import { MalformedError } from "../errors.js";
import type { Notice } from "../flows/notice.js";
import type { CompiledMapping } from "../mapping/compile.js";
import { parseRecordId, parseRowVersion, type RecordId } from "../model/ids.js";
import { rowFromContext } from "./to-row.js";

const pairs = z.array(z.object({ key: z.string(), value: z.unknown() })).nullish();
const contextSchema = z.object({
  MessageName: z.string().min(1),
  PrimaryEntityName: z.string().min(1),
  PrimaryEntityId: z.string(),
  OrganizationId: z.string(),
  CorrelationId: z.string().nullish(),
  RequestId: z.string().nullish(),
  OperationId: z.string().nullish(),
  OperationCreatedOn: z.string().nullish(),
  SharedVariables: pairs,
  PostEntityImages: pairs,
  ParentContext: z.unknown().optional(),
});
const imageSchema = z.object({
  Id: z.string(),
  Attributes: z.array(z.object({ key: z.string(), value: z.unknown() })),
  RowVersion: z.string().nullish(),
});

/** Alias under which a post-image of exactly this mapping's columns is registered; another alias proves nothing about its columns. */
export function imageAliasOf(mapping: CompiledMapping): string {
  return `post_${mapping.columnSet}`;
}

/** Reads a posted context. `receivedAt` (ISO) stands in for a missing time. Throws MalformedError naming the member. */
export function parseNotice(body: unknown, receivedAt: string): Notice {
  const parsed = contextSchema.safeParse(body);
  if (!parsed.success) {
    const member = parsed.error.issues[0]?.path.join(".") || "the body";
    throw new MalformedError(`not a RemoteExecutionContext: ${member} is missing or wrong`);
  }
  const context = parsed.data;
  const id = parseRecordId(context.PrimaryEntityId);
  return {
    organizationId: context.OrganizationId.toLowerCase(),
    table: context.PrimaryEntityName,
    id,
    message: context.MessageName,
    occurredAt: occurredAt(context.OperationCreatedOn, receivedAt),
    correlationId: context.CorrelationId ?? "",
    requestId: context.RequestId ?? context.OperationId ?? "",
    tags: [...tagsOf(context)],
    image: (mapping) => imageRow(context.PostEntityImages, id, mapping),
  };
}

/** The sender's time of the change, without the offset some dumps shift it by; the time of receipt where there is none. */
function occurredAt(created: string | null | undefined, receivedAt: string): string {
  const ms = /^\/Date\((\d+)/.exec(created ?? "")?.[1];
  if (ms !== undefined) return new Date(Number(ms)).toISOString();
  const date = Date.parse(created ?? "");
  return Number.isNaN(date) ? receivedAt : new Date(date).toISOString();
}

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
function imageRow(images: z.infer<typeof pairs>, id: RecordId, mapping: CompiledMapping) {
  const found = images?.find((image) => image.key === imageAliasOf(mapping));
  const parsed = imageSchema.safeParse(found?.value);
  if (!parsed.success || parseRecordId(parsed.data.Id) !== id) return undefined;
  const version = parseRowVersion(parsed.data.RowVersion);
  if (version === undefined) return undefined;
  const given = new Map(parsed.data.Attributes.map(({ key, value }) => [key, value]));
  return { version, row: rowFromContext(mapping, given) };
}
