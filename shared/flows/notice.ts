import type { CompiledMapping } from "../mapping/compile.js";
import type { RecordId, RowVersion } from "../model/ids.js";
import type { Row } from "../model/row.js";

/** News from Dynamics about one row, read from whatever it came in (dataverse/notice.ts). */
export interface Notice {
  organizationId: string;
  table: string;
  id: RecordId;
  /** The Dataverse message, e.g. `Update`. */
  message: string;
  /** ISO instant of the change. */
  occurredAt: string;
  correlationId: string;
  /** The request that made the change; the same when the same notice is posted twice. */
  requestId: string;
  /** Tags of the request, its own and those of every parent. */
  tags: readonly string[];
  /** The whole row after the change, only if an image of exactly this mapping's columns, with a version, came along. */
  image(mapping: CompiledMapping): { version: RowVersion; row: Row } | undefined;
}
