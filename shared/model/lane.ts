// Which partition and which lane a record belongs to (design.md §2.3). Pure arithmetic; who holds a lane is Service Bus's business.

import { createHash } from "node:crypto";
import type { RecordId } from "./ids.js";

/** How many buckets there are, in any table. */
export const buckets = 256;

/** Bucket 0 to 255 of a record: names its state partition. Never changes for a record. */
export function bucketOf(table: string, id: RecordId): number {
  return createHash("sha256").update(`${table}/${id}`).digest().readUInt8(0) % buckets;
}

/** Session id of the lane that alone may write this record: `lane-0` to `lane-<lanes - 1>`. */
export function laneOf(table: string, id: RecordId, lanes: number): string {
  return `lane-${bucketOf(table, id) % lanes}`;
}
