// The messages that sweep, load and recovery put on the queue.

import type { CompiledMapping } from "../mapping/compile.js";
import { type Envelope, fitEnvelope } from "../model/envelope.js";
import type { RecordId } from "../model/ids.js";
import type { VersionedRow } from "./ports.js";

/** What all messages of one page have in common. `nonce`: the same whenever the same page is sent again. */
export type News = Pick<Envelope, "cause" | "occurredAt" | "settings" | "force"> & { nonce: string };

/** "Look at this record", without its row. */
export function bareEnvelope({ table }: CompiledMapping, id: RecordId, kind: Envelope["kind"], news: News): Envelope {
  return { v: 1, table: table.name, id, kind, attempt: 0, correlationId: news.nonce, ...news };
}

/** The same with the row as it was read. */
export function rowEnvelope(mapping: CompiledMapping, { id, version, row }: VersionedRow, news: News): Envelope {
  return fitEnvelope({ ...bareEnvelope(mapping, id, "upsert", news), version, row, columns: mapping.columnSet });
}
