// What a column of a table is, as data, and the short constructors the table files are written with. No behaviour here.

/** A lookup value: which table, which row. */
export interface Reference {
  readonly table: string;
  readonly id: string;
}

/**
 * What a row holds for a column. DateTime is whole seconds since 1970, date-only is `yyyy-mm-dd`, a multi-select an array of
 * numbers; GUIDs are lower case.
 */
export type Value = string | number | boolean | null | Reference | readonly number[];

export type ColumnType =
  | "BigInt"
  | "Boolean"
  | "Customer"
  | "DateTime"
  | "Decimal"
  | "Double"
  | "Image"
  | "Integer"
  | "Lookup"
  | "Memo"
  | "Money"
  | "MultiSelectPicklist"
  | "Owner"
  | "PartyList"
  | "Picklist"
  | "State"
  | "Status"
  | "String"
  | "Uniqueidentifier"
  | "EntityName";

/** One choice; `state` only on Status columns, `defaultStatus` only on State columns. */
export interface Choice {
  value: number;
  label: string;
  state?: number;
  defaultStatus?: number;
}

/** What happens to a row when the row its lookup names is deleted. */
export type OnDelete = "Cascade" | "RemoveLink" | "Restrict" | "NoCascade";

/** One table a lookup may name, with the names of the relationship that does it. */
export interface LookupTarget {
  table: string;
  /** Single-valued navigation property: the name for `@odata.bind` and `$expand`. */
  navigation: string;
  relationship: string;
  /** Collection navigation property on the target. */
  collection: string;
  onDelete: OnDelete;
}

/** Definition of one column. `create`, `update`, `read`: what the Web API may do with it; the rest is ignored silently. */
export interface Column {
  name: string;
  schemaName: string;
  label: string;
  type: ColumnType;
  create: boolean;
  update: boolean;
  read: boolean;
  required: "None" | "SystemRequired" | "ApplicationRequired" | "Recommended";
  custom?: boolean;
  maxLength?: number;
  min?: number;
  max?: number;
  precision?: number;
  /** Format of text, or DateOnly / DateAndTime. */
  format?: string;
  behavior?: "UserLocal" | "DateOnly" | "TimeZoneIndependent";
  choices?: Choice[];
  /** Name of the option set, and whether it is shared by tables. */
  optionSet?: { name: string; global: boolean };
  targets?: LookupTarget[];
  /** What a new row gets; a row that does not hold the column has this value. */
  default?: string | number | boolean;
  /** Base-currency twin of this Money column. */
  base?: string;
}

type Extra = Partial<Column>;

const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

const make = (name: string, type: ColumnType, extra: Extra): Column => ({
  name,
  schemaName: capital(name),
  label: capital(name.replaceAll("_", " ")),
  type,
  create: true,
  update: true,
  read: true,
  required: "None",
  ...extra,
});

/** For columns only the platform writes. */
export const READ_ONLY = { create: false, update: false } as const;
/** For columns that are set with the row or never. */
export const CREATE_ONLY = { create: true, update: false } as const;

export const text = (name: string, maxLength: number, extra: Extra = {}): Column =>
  make(name, "String", { maxLength, format: "Text", ...extra });
export const memo = (name: string, maxLength: number, extra: Extra = {}): Column =>
  make(name, "Memo", { maxLength, format: "TextArea", ...extra });
export const integer = (name: string, extra: Extra = {}): Column =>
  make(name, "Integer", { min: -2_147_483_648, max: 2_147_483_647, format: "None", ...extra });
export const bigint = (name: string, extra: Extra = {}): Column => make(name, "BigInt", extra);
export const decimal = (name: string, precision: number, extra: Extra = {}): Column =>
  make(name, "Decimal", { precision, min: -100_000_000_000, max: 100_000_000_000, ...extra });
export const double = (name: string, precision: number, min: number, max: number): Column =>
  make(name, "Double", { precision, min, max });
export const uuid = (name: string, extra: Extra = {}): Column => make(name, "Uniqueidentifier", extra);
export const image = (name: string): Column => make(name, "Image", {});
export const partyList = (name: string): Column => make(name, "PartyList", {});
export const entityName = (name: string, extra: Extra = {}): Column => make(name, "EntityName", extra);
export const flag = (name: string, value: boolean | undefined, labels = ["No", "Yes"], extra: Extra = {}): Column =>
  make(name, "Boolean", {
    choices: labels.map((label, index) => ({ value: index, label })),
    ...(value === undefined ? {} : { default: value }),
    ...extra,
  });
export const dateTime = (name: string, extra: Extra = {}): Column =>
  make(name, "DateTime", { format: "DateAndTime", behavior: "UserLocal", ...extra });
export const dateOnly = (name: string, extra: Extra = {}): Column =>
  make(name, "DateTime", { format: "DateOnly", behavior: "DateOnly", ...extra });

/** A choice column; labels by value, e.g. `{ 1: "Male", 2: "Female" }`. */
export const choice = (name: string, labels: Record<number, string>, extra: Extra = {}): Column =>
  make(name, "Picklist", {
    choices: Object.entries(labels).map(([value, label]) => ({ value: Number(value), label })),
    ...extra,
  });

/** A Money column and its read-only base twin. */
export const money = (name: string, min: number, max: number): Column[] => [
  make(name, "Money", { precision: 2, min, max, base: `${name}_base` }),
  make(`${name}_base`, "Money", { precision: 4, min, max, ...READ_ONLY }),
];

/** `states`: label and statuses (label by value, first = default) per state value. Not settable on create (facts/dataverse.md §14). */
export const stateAndStatus = (
  states: Record<number, { label: string; statuses: Record<number, string> }>,
): Column[] => {
  const entries = Object.entries(states).map(([value, state]) => ({
    value: Number(value),
    label: state.label,
    statuses: Object.entries(state.statuses).map(([status, label]) => ({ value: Number(status), label })),
  }));
  const first = entries[0];
  return [
    make("statecode", "State", {
      ...{ create: false, default: first?.value ?? 0, required: "SystemRequired" },
      choices: entries.map(({ value, label, statuses }) => ({ value, label, defaultStatus: statuses[0]?.value ?? -1 })),
    }),
    make("statuscode", "Status", {
      default: first?.statuses[0]?.value ?? 1,
      choices: entries.flatMap(({ value, statuses }) => statuses.map((status) => ({ ...status, state: value }))),
    }),
  ];
};

/** A lookup to one table; the navigation property has the column's name unless said otherwise. */
export const lookup = (name: string, target: Partial<LookupTarget> & { table: string }, extra: Extra = {}): Column =>
  make(name, "Lookup", {
    targets: [
      {
        navigation: name,
        relationship: `${name}_${target.table}`,
        collection: `${target.table}_${name}`,
        onDelete: "RemoveLink",
        ...target,
      },
    ],
    ...extra,
  });

/** A lookup to one of several tables; each has its own navigation property `<name>_<table>` unless said otherwise. */
export const lookupToAny = (
  name: string,
  type: "Lookup" | "Customer" | "Owner",
  targets: (Partial<LookupTarget> & { table: string })[],
  extra: Extra = {},
): Column =>
  make(name, type, {
    targets: targets.map((target) => ({
      navigation: `${name}_${target.table}`,
      relationship: `${name}_${target.table}`,
      collection: `${target.table}_${name}`,
      onDelete: "RemoveLink",
      ...target,
    })),
    ...extra,
  });
