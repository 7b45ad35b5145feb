import { parseNotice } from "../shared/dataverse/notice.js";
import { type NoticeOutcome, receiveNotice } from "../shared/flows/receive-notice.js";
import type { Facts, Log } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";

/** What both doors do with a posted body: read it, take it in, say so. Throws what receiveNotice throws, and MalformedError. */
export async function takeNotice({ ports, clock }: Services, log: Log, body: unknown): Promise<NoticeOutcome> {
  const notice = parseNotice(body, new Date(clock.now()).toISOString());
  const received = await receiveNotice(ports, notice);
  const { message } = notice;
  if (received.outcome === "queued") {
    for (const { table, id, version, row, correlationId: correlation } of received.envelopes) {
      log.info("notice queued", { table, id, message, correlation, version, row: row !== undefined });
    }
    return received;
  }
  const { reason } = received;
  const correlation = notice.correlationId;
  const say = (ids: Facts): void =>
    log[expected.has(reason) ? "info" : "warn"]("notice ignored", { ...ids, message, correlation, reason });
  for (const { table, id } of notice.records) say({ table, id });
  if (notice.records.length === 0) say({});
  return received;
}

/** What an operator wanted, or we did ourselves, is nothing to warn of. */
const expected: ReadonlySet<string> = new Set(["own-echo", "stopped", "parked"]);
