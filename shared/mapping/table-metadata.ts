import type { ColumnType } from "./table-mapping.js";

/** One option of a choice or boolean, with its label in every language (LCID) it has one in. */
export interface OptionMetadata {
  value: number;
  labels: ReadonlyMap<number, string>;
}

/** What Dynamics says of one column, as far as a mapping can use it. */
export interface ColumnMetadata {
  /** The type a mapping would call it; undefined: no mapping can read such a column. Every date is a `datetime` with its behaviour. */
  type: ColumnType | undefined;
  /** Dynamics' own word, for messages: `Memo`. */
  kind: string;
  readable: boolean;
  /** Texts only. */
  maxLength?: number;
  /** Choices and booleans only. */
  options?: readonly OptionMetadata[];
  /** Lookups only: tables it can point to. */
  targets?: readonly string[];
  /** Dates only. */
  behaviour?: "userLocal" | "dateOnly" | "timeZoneIndependent";
  /** Dates only: people see a day without a time, whatever the behaviour. */
  showsDayOnly?: boolean;
}

/** What Dynamics says of one table. */
export interface TableMetadata {
  name: string;
  set: string;
  id: string;
  changeTracking: "on" | "off" | "impossible";
  columns: ReadonlyMap<string, ColumnMetadata>;
}
