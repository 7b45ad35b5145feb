// A validated mapping made ready to run: once per settings version, then a pure function of a row. No code is generated.

import { createHash } from "node:crypto";
import type { Row } from "../model/row.js";
import type { OptOutAttribute, OptOutDirection } from "../optout/attributes.js";
import {
  type ColumnFacts,
  columnFacts,
  type LookupWish,
  nameCell,
  needsType,
  type ReadType,
  typeCell,
} from "./column.js";
import { emptyValues, type FieldValue } from "./convert.js";
import { columnsInEffect } from "./effect.js";
import { isMisfit } from "./evaluate.js";
import { type CompiledField, compileField, type LinkValue, withLinkTarget } from "./field.js";
import { compileFilters } from "./filter.js";
import { compileLacksParent, compileParents, mustExist, type Parent } from "./parents.js";
import { columnSourcesOf } from "./source.js";
import type { FieldMapping, KeyAddress, TableMapping } from "./table-mapping.js";

/** Target fields, dotted, with the value each gets. */
export type Fields = Readonly<Record<string, FieldValue | LinkValue>>;

/** What a row becomes: fields written always, fields written on insert, load and replay only, and what was bent to fit. */
export interface MappedRow {
  always: Fields;
  insertOnly: Fields;
  /** E.g. `lastName truncated to 50`: field names and rules, never values. One per field that was bent. */
  warnings: readonly string[];
}

/** Which do-not-contact choices are kept equal, and how (design.md §5). `audited`: opt-ins of Dynamics must be in its audit history. */
export interface CompiledOptOuts {
  direction: Exclude<OptOutDirection, "disabled">;
  attributes: readonly { attribute: OptOutAttribute; column: string }[];
  skewMs: number;
  audited: boolean;
}

/** One table mapping in force. `columns` is what must be read of a row, with types; `columnSet` names it (image aliases carry it). */
export interface CompiledMapping {
  table: TableMapping["table"];
  resource: TableMapping["resource"];
  key: { field: string; address: KeyAddress; deleteAddress: KeyAddress };
  columns: Readonly<Record<string, ReadType>>;
  /** Lookups of which more is wanted than the id: it travels in cells `<column>.type` and `<column>.name` of the row. */
  lookups: Readonly<Record<string, LookupWish>>;
  /** Every cell a row must hold: the columns, and what is wanted of lookups. */
  cells: readonly string[];
  columnSet: string;
  /** Changes with anything in the mapping that can change what a row becomes (effect.ts); part of every fingerprint. */
  hash: string;
  applyDeletes: boolean;
  /** Tables whose records must be in Campaign before this table's. */
  waitsFor: readonly string[];
  /** Type of every target field, by its dotted name. */
  targets: Readonly<Record<string, FieldMapping["type"]>>;
  /** Target fields that a record can do without: a value that does not fit is skipped or emptied. */
  optional: ReadonlySet<string>;
  /** What becomes of a Campaign record whose row `accepts` refuses. */
  whenFilteredOut: "delete" | "leave";
  /** Undefined: nothing touches opt-outs. */
  optOuts: CompiledOptOuts | undefined;
  /** Do the filters want this row in Campaign? To be asked of a row that covers the mapping. */
  accepts(row: Row): boolean;
  /** The records this one is linked to. */
  parents(row: Row): readonly Parent[];
  /** Would Campaign hide the record, for want of a parent that it must have? */
  lacksParent(row: Row): boolean;
  /** Throws RefusedError (code `mapping`) naming the field when a value that must fit does not. */
  map(row: Row): MappedRow;
}

/** Tables whose rows can be merged; the loser keeps existing with `merged` set (facts/dataverse.md §1.8). */
const mergeable = new Set(["account", "contact", "lead", "incident"]);

/** Compiles a mapping that `validateMapping` accepted. */
export function compileMapping(mapping: TableMapping): CompiledMapping {
  const { table, resource, key, picklists, filters, whenFilteredOut, applyDeletes } = mapping;
  const facts = new Map(Object.entries(mapping.columns).map(([name, entry]) => [name, columnFacts(entry)]));
  const columns = columnsToRead(mapping, facts);
  const lookups = lookupWishes(mapping, facts);
  const parents = compileParents(mapping.fields, facts);
  return {
    table,
    resource,
    key: { field: key.field, address: key.address, deleteAddress: key.deleteAddress ?? key.address },
    columns,
    lookups,
    cells: [...Object.keys(columns), ...Object.entries(lookups).flatMap(([column, wish]) => cellsOf(column, wish))],
    columnSet: shortHash(Object.entries(columns).sort().join(";")),
    hash: shortHash(
      JSON.stringify({ ...mapping, $schema: undefined, columns: columnsInEffect(mapping, columns, facts) }),
    ),
    applyDeletes,
    whenFilteredOut,
    optOuts: compileOptOuts(mapping),
    waitsFor: [...new Set(mapping.fields.flatMap(({ link }) => (link && mustExist(link) ? [link.table] : [])))],
    targets: Object.fromEntries(mapping.fields.map(({ target, type }) => [target, type])),
    optional: new Set(
      mapping.fields.filter(({ misfit }) => misfit === "skip" || misfit === "empty").map(({ target }) => target),
    ),
    accepts: compileFilters(filters, (column) => facts.get(column)?.readType ?? "string"),
    parents,
    lacksParent: compileLacksParent(mapping.fields, parents),
    map: compileMap(mapping.fields.map((field) => compileField(field, { columns: facts, picklists }))),
  };
}

/** Is this row the loser of a merge? Such a row counts as deleted. */
export function isMergedAway(row: Row): boolean {
  return row.merged === true;
}

/** Does `row` hold every cell the mapping reads? One that is missing is unknown, not empty. */
export function coversMapping(row: Row, mapping: CompiledMapping): boolean {
  return mapping.cells.every((cell) => Object.hasOwn(row, cell));
}

/** The fields that hold something: a new record starts with all others empty anyway. */
export function withoutEmpty(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "" && value !== null));
}

/** The mapped row with one of its links empty: for a parent that a filter keeps out of Campaign. */
export function withoutLink(mapped: MappedRow, { field }: Pick<Parent, "field">): MappedRow {
  const cut = (fields: Fields): Fields => {
    const value = fields[field];
    if (value === undefined) return fields;
    return { ...fields, [field]: typeof value === "object" ? null : emptyValues.string };
  };
  return { ...mapped, always: cut(mapped.always), insertOnly: cut(mapped.insertOnly) };
}

const noWarnings: readonly string[] = Object.freeze([]);

function compileMap(fields: readonly CompiledField[]): CompiledMapping["map"] {
  return (row) => {
    const always: Record<string, FieldValue | LinkValue> = {};
    const insertOnly: Record<string, FieldValue | LinkValue> = {};
    let warnings: string[] | undefined;
    for (const field of fields) {
      let value: ReturnType<CompiledField["bend"]>;
      const read = field.read(row);
      if (isMisfit(read)) {
        warnings ??= [];
        const list = warnings;
        value = field.bend(read, (warning) => list.push(warning));
        if (value === undefined) continue;
      } else value = read;
      if (field.applyUpdates) always[field.target] = value;
      else insertOnly[field.target] = value;
    }
    return { always, insertOnly, warnings: warnings ?? noWarnings };
  };
}

function compileOptOuts({ optOuts }: TableMapping): CompiledOptOuts | undefined {
  if (!optOuts || optOuts.direction === "disabled") return undefined;
  const { direction, attributes, skewSeconds, evidence } = optOuts;
  return {
    direction,
    attributes: Object.entries(attributes).map(([attribute, column]) => ({
      attribute: attribute as OptOutAttribute,
      column,
    })),
    skewMs: skewSeconds * 1_000,
    audited: evidence === "audit",
  };
}

function columnsToRead(
  { table, fields, filters, optOuts }: TableMapping,
  facts: ReadonlyMap<string, ColumnFacts>,
): Record<string, ReadType> {
  const used = new Set([
    table.id,
    ...fields.flatMap((field) => columnSourcesOf(field.source).map(({ column }) => column)),
    ...(filters?.conditions ?? []).map(({ column }) => column),
    ...(optOuts && optOuts.direction !== "disabled" ? Object.values(optOuts.attributes) : []),
  ]);
  const read = Object.fromEntries(
    [...used].sort().map((name) => [name, facts.get(name)?.readType ?? "string"] as const),
  );
  return mergeable.has(table.name) ? { ...read, merged: "boolean" } : read;
}

/** Names and types of lookups cost annotations and fresh reads, so they are asked for only where something looks at them. */
function lookupWishes(
  { fields, filters }: TableMapping,
  facts: ReadonlyMap<string, ColumnFacts>,
): Record<string, LookupWish> {
  const wishes: Record<string, LookupWish> = {};
  const wish = (column: string, { type, name }: LookupWish): void => {
    if (!type && !name) return;
    const before = wishes[column];
    wishes[column] = { type: type || before?.type === true, name: name || before?.name === true };
  };
  for (const { column, as, target } of fields.flatMap((field) => columnSourcesOf(withLinkTarget(field)))) {
    const known = facts.get(column);
    const byTarget = target !== undefined && known !== undefined && needsType(known, target);
    wish(column, { type: as === "type" || byTarget, name: as === "name" });
  }
  for (const { column, as } of filters?.conditions ?? []) wish(column, { type: as === "type", name: false });
  return wishes;
}

function cellsOf(column: string, { type, name }: LookupWish): string[] {
  return [...(type ? [typeCell(column)] : []), ...(name ? [nameCell(column)] : [])];
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
