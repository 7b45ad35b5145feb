// A notice from Dynamics, by whichever door, to one envelope on queue `changes` (design.md §3, Notice in).

import { UnauthenticatedError } from "../errors.js";
import { type Envelope, fitEnvelope } from "../model/envelope.js";
import type { Notice } from "./notice.js";
import type { IngressPorts } from "./ports.js";

/** `ignored` says why; the sweep finds whatever was ignored and mattered. */
export type NoticeOutcome =
  | { outcome: "queued"; envelope: Envelope }
  | { outcome: "ignored"; reason: "own-echo" | "table-not-mapped" };

/**
 * Takes one notice in. When it answers `queued`, the bus has the envelope. UnauthenticatedError: the notice is another
 * organisation's. UnavailableError: the bus or the binding cannot be reached, the sender may try again.
 */
export async function receiveNotice(
  ports: Pick<IngressPorts, "settings" | "binding" | "queue" | "ownTag">,
  notice: Notice,
): Promise<NoticeOutcome> {
  const { organizationId } = await ports.binding();
  if (notice.organizationId !== organizationId) {
    throw new UnauthenticatedError("the notice comes from another Dynamics organisation");
  }
  if (notice.tags.includes(ports.ownTag)) return { outcome: "ignored", reason: "own-echo" };
  const { mappings } = await ports.settings.current();
  const mapping = mappings.get(notice.table);
  if (!mapping) return { outcome: "ignored", reason: "table-not-mapped" };

  const isDelete = notice.message === "Delete";
  const image = isDelete ? undefined : notice.image(mapping);
  const envelope = fitEnvelope({
    v: 1,
    table: notice.table,
    id: notice.id,
    kind: isDelete ? "delete" : "upsert",
    ...(image && { version: image.version, row: image.row, columns: mapping.columnSet }),
    cause: "notice",
    attempt: 0,
    occurredAt: notice.occurredAt,
    correlationId: notice.correlationId,
    nonce: `${notice.message}-${notice.requestId}`,
  });
  await ports.queue.send([envelope]);
  return { outcome: "queued", envelope };
}
