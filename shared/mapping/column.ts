// What a mapping knows of a Dataverse column, and under which names its values travel in a row. Pure.

import type { ColumnEntry, ColumnType } from "./table-mapping.js";

/** How a column's wire value is read into a row (dataverse/column-value.ts); `walltime` is a date and time that has no zone. */
export type ReadType = ColumnType | "walltime";

/** A column entry of a mapping document with nothing left unsaid. */
export interface ColumnFacts {
  type: ColumnType;
  readType: ReadType;
  maxLength: number | undefined;
  /** Label by option value; a boolean's options are 0 and 1. Undefined: the document does not hold them. */
  labels: ReadonlyMap<number, string> | undefined;
  /** Tables a lookup can point to. Undefined: the document does not say. */
  targets: readonly string[] | undefined;
}

/** What one entry under `columns` says. */
export function columnFacts(entry: ColumnEntry): ColumnFacts {
  const known: Exclude<ColumnEntry, string> = typeof entry === "string" ? { type: entry } : entry;
  const { type, maxLength, options, targets, behaviour } = known;
  return {
    type,
    readType: type === "datetime" && behaviour !== undefined ? readTypes[behaviour] : type,
    maxLength,
    labels: options && new Map(options.map(({ value, label }) => [value, label])),
    targets,
  };
}

/** User-local comes as UTC; date-only must never shift; the `Z` of a time zone independent value means nothing. */
const readTypes = { userLocal: "datetime", dateOnly: "date", timeZoneIndependent: "walltime" } as const;

/** What a mapping wants to know of the row a lookup points to, besides its id. */
export interface LookupWish {
  type: boolean;
  name: boolean;
}

/** Under this name the table that a lookup points to travels in a row. */
export function typeCell(column: string): string {
  return `${column}.type`;
}

/** Under this name the primary name of the row that a lookup points to travels in a row. */
export function nameCell(column: string): string {
  return `${column}.name`;
}

/** Must the row say which table the lookup points to, to know whether it is `target`? */
export function needsType({ targets }: ColumnFacts, target: string): boolean {
  return targets === undefined || targets.some((one) => one !== target);
}
