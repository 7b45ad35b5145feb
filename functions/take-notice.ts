import { parseNotice } from "../shared/dataverse/notice.js";
import { type NoticeOutcome, receiveNotice } from "../shared/flows/receive-notice.js";
import type { Facts, Log } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";

/** What both doors do with a posted body: read it, take it in, say so. Throws what receiveNotice throws, and MalformedError. */
export async function takeNotice({ ports, clock }: Services, log: Log, body: unknown): Promise<NoticeOutcome> {
  const notice = parseNotice(body, new Date(clock.now()).toISOString());
  const received = await receiveNotice(ports, notice);
  const facts = { message: notice.message, correlation: notice.correlationId };
  if (received.outcome === "queued") {
    for (const { table, id, version, row } of received.envelopes) {
      log.info("notice queued", { table, id, ...facts, version, row: row !== undefined });
    }
    return received;
  }
  const { reason } = received;
  const say = (ids: Facts): void =>
    log[expected.has(reason) ? "info" : "warn"]("notice ignored", { ...ids, ...facts, reason });
  for (const { table, id } of notice.records) say({ table, id });
  if (notice.records.length === 0) say({});
  return received;
}

/** What an operator wanted, or we did ourselves, is nothing to warn of. */
const expected: ReadonlySet<string> = new Set(["own-echo", "stopped", "parked"]);
