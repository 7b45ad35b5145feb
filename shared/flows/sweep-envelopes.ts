// The messages that this product itself puts on the queue: sweep, load, recovery, families, opt-outs.

import type { CompiledMapping } from "../mapping/compile.js";
import { type Envelope, fitEnvelope } from "../model/envelope.js";
import type { RecordId } from "../model/ids.js";
import type { VersionedRow } from "./ports.js";

/** What all messages of one page have in common. `nonce`: the same whenever the same page is sent again. */
export type News = Pick<Envelope, "cause" | "occurredAt" | "settings" | "force"> &
  Partial<Pick<Envelope, "correlationId" | "parent" | "optOuts">> & { nonce: string };

/** "Look at this record", without its row. `table`: its name, or its mapping's. */
export function bareEnvelope(
  table: Pick<CompiledMapping, "table"> | string,
  id: RecordId,
  kind: Envelope["kind"],
  news: News,
): Envelope {
  const name = typeof table === "string" ? table : table.table.name;
  return { v: 1, table: name, id, kind, attempt: 0, correlationId: news.nonce, ...news };
}

/** The same with the row as it was read. */
export function rowEnvelope(mapping: CompiledMapping, { id, version, row }: VersionedRow, news: News): Envelope {
  return fitEnvelope({ ...bareEnvelope(mapping, id, "upsert", news), version, row, columns: mapping.columnSet });
}
