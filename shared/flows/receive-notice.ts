// A notice from Dynamics, by whichever door, to one envelope on queue `changes` for each row it names (design.md §3, Notice in).
// What a notice names is dataverse/notice.ts; what becomes of an envelope is handle-change.ts.

import { createHash } from "node:crypto";
import { UnauthenticatedError } from "../errors.js";
import { coversMapping } from "../mapping/compile.js";
import { type Envelope, fitEnvelope } from "../model/envelope.js";
import type { Notice, NoticedRecord } from "./notice.js";
import type { IngressPorts, SettingsInForce } from "./ports.js";

/**
 * Why a notice was dropped; the sweep finds whatever was and mattered. `stopped`: the flow is, by an operator. `parked`: the tables' mappings are.
 * `truncated`: cut for its size, and what is left names no row. `names-no-record`: it never did, or none with an id.
 */
export type IgnoredReason = "own-echo" | "stopped" | "names-no-record" | "truncated" | "table-not-mapped" | "parked";

/** What came of a notice. Rows of tables that are not mapped, or parked, have no envelope. */
export type NoticeOutcome =
  | { outcome: "queued"; envelopes: readonly Envelope[] }
  | { outcome: "ignored"; reason: IgnoredReason };

/**
 * Takes one notice in. When it answers `queued`, the bus has all envelopes. UnauthenticatedError: the notice is another organisation's.
 * UnavailableError: the bus, the binding, the settings or the control cannot be reached, the sender may try again; what the bus has then of
 * several envelopes, it gets again under the same message ids.
 */
export async function receiveNotice(
  ports: Pick<IngressPorts, "settings" | "control" | "binding" | "queue" | "ownTag">,
  notice: Notice,
): Promise<NoticeOutcome> {
  const { organizationId } = await ports.binding();
  if (notice.organizationId !== organizationId) {
    throw new UnauthenticatedError("the notice comes from another Dynamics organisation");
  }
  if (notice.tags.includes(ports.ownTag)) return ignored("own-echo");
  const { wanted, parked } = await ports.control.current();
  if (wanted === "stopped") return ignored("stopped");
  if (notice.records.length === 0) return ignored(notice.truncated ? "truncated" : "names-no-record");

  const settings = await ports.settings.current();
  const mapped = notice.records.filter(({ table }) => settings.mappings.has(table));
  if (mapped.length === 0) return ignored("table-not-mapped");
  const wantedNow = mapped.filter(({ table }) => !parked.has(table));
  if (wantedNow.length === 0) return ignored("parked");

  const envelopes = wantedNow.map((record) => toEnvelope(notice, record, settings));
  await ports.queue.send(envelopes);
  return { outcome: "queued", envelopes };
}

function ignored(reason: IgnoredReason): NoticeOutcome {
  return { outcome: "ignored", reason };
}

/** Without a row the writer reads it: an image that does not cover the mapping would make unknown values empty. */
function toEnvelope(notice: Notice, record: NoticedRecord, { version, mappings }: SettingsInForce): Envelope {
  const mapping = mappings.get(record.table);
  const image = mapping && !record.deleted ? record.image(mapping) : undefined;
  const covers = mapping && image && coversMapping(image.row, mapping);
  const nonce = nonceOf(notice, image !== undefined || record.deleted);
  return fitEnvelope({
    v: 1,
    table: record.table,
    id: record.id,
    kind: record.deleted ? "delete" : "upsert",
    ...(image && { version: image.version }),
    ...(covers && { row: image.row, columns: mapping.columnSet }),
    cause: "notice",
    attempt: 0,
    occurredAt: notice.occurredAt,
    // What a notice without an id is followed by from here on.
    correlationId: notice.correlationId || nonce,
    nonce,
    settings: version,
  });
}

/**
 * The same when the same notice is posted again. News that is told apart by its version, or of which there is only one (a row dies once), is the
 * same through both doors; of other news only the job that posts it says which it is, for one request may change a row twice.
 */
function nonceOf(notice: Notice, toldApart: boolean): string {
  const { message, requestId, operationId, occurredAt, correlationId } = notice;
  const said = toldApart ? requestId || operationId : operationId || requestId;
  const parts = [message, said || `${occurredAt} ${correlationId}`];
  return createHash("sha256").update(parts.join("\u0000")).digest("hex").slice(0, 32);
}
