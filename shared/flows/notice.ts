import type { CompiledMapping } from "../mapping/compile.js";
import type { RecordId, RowVersion } from "../model/ids.js";
import type { Row } from "../model/row.js";

/** News from Dynamics about some rows, read from whatever it came in (dataverse/notice.ts). */
export interface Notice {
  organizationId: string;
  /** The Dataverse message, e.g. `Update`. */
  message: string;
  /** Every row that the notice names, each once; none when it names none, or when it was cut and names none any more. */
  records: readonly NoticedRecord[];
  /** The sender cut the body for its size: it may have been about more rows than `records`. */
  truncated: boolean;
  /** ISO instant of the change. */
  occurredAt: string;
  correlationId: string;
  /** The request that made the change; empty when unknown. The same through every door. */
  requestId: string;
  /** The system job that posts the notice; empty when unknown. The same when the same notice is posted again, another one by another door. */
  operationId: string;
  /** Tags of the request, its own and those of every parent. */
  tags: readonly string[];
}

/** One row that a notice names. */
export interface NoticedRecord {
  table: string;
  id: RecordId;
  /** The notice says that the row is gone. */
  deleted: boolean;
  /** The row after the change, only if an image of exactly this mapping's columns, with a version, came along. */
  image(mapping: CompiledMapping): { version: RowVersion; row: Row } | undefined;
}
