import { parseNotice } from "../shared/dataverse/notice.js";
import { type NoticeOutcome, receiveNotice } from "../shared/flows/receive-notice.js";
import type { Log } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";

/** What both doors do with a posted body: read it, take it in, say so. Throws what receiveNotice throws, and MalformedError. */
export async function takeNotice({ ports, clock }: Services, log: Log, body: unknown): Promise<NoticeOutcome> {
  const notice = parseNotice(body, new Date(clock.now()).toISOString());
  const received = await receiveNotice(ports, notice);
  const { table, id, message, correlationId } = notice;
  const facts = { table, id, message, correlation: correlationId };
  if (received.outcome === "ignored") log.warn("notice ignored", { ...facts, reason: received.reason });
  else {
    const { version, row } = received.envelope;
    log.info("notice queued", { ...facts, version, row: row !== undefined });
  }
  return received;
}
