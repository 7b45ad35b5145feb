// A validated mapping made ready to run: once per settings version, then a pure function of a row. No code is generated.

import { createHash } from "node:crypto";
import { RefusedError } from "../errors.js";
import type { Row, RowValue } from "../model/row.js";
import { convertValue, emptyValues, type FieldValue } from "./convert.js";
import type { ColumnType, FieldMapping, KeyAddress, Source, TableMapping } from "./table-mapping.js";
import { columnsOf } from "./validate.js";

/** Target fields, dotted, with the value each gets. */
export type Fields = Readonly<Record<string, FieldValue>>;

/** What a row becomes: fields written always, fields written on insert, load and replay only, and what was bent to fit. */
export interface MappedRow {
  always: Fields;
  insertOnly: Fields;
  /** E.g. `lastName truncated to 50`: field names and rules, never values. */
  warnings: readonly string[];
}

/** One table mapping in force. `columns` is what must be read of a row, with types; `columnSet` names it (image aliases carry it). */
export interface CompiledMapping {
  table: TableMapping["table"];
  resource: TableMapping["resource"];
  key: { field: string; address: KeyAddress; deleteAddress: KeyAddress };
  columns: Readonly<Record<string, ColumnType>>;
  columnSet: string;
  /** Changes with anything in the mapping; part of every fingerprint. */
  hash: string;
  applyDeletes: boolean;
  /** Throws RefusedError (code `mapping`) naming the field when a value that must fit does not. */
  map(row: Row): MappedRow;
}

/** Tables whose rows can be merged; the loser keeps existing with `merged` set (facts/dataverse.md §1.8). */
const mergeable = new Set(["account", "contact", "lead", "incident"]);

/** Compiles a mapping that `validateMapping` accepted. */
export function compileMapping(mapping: TableMapping): CompiledMapping {
  const columns = columnsToRead(mapping);
  const evaluators = mapping.fields.map((field) => ({ field, evaluate: compileSource(field.source) }));
  return {
    table: mapping.table,
    resource: mapping.resource,
    key: {
      field: mapping.key.field,
      address: mapping.key.address,
      deleteAddress: mapping.key.deleteAddress ?? mapping.key.address,
    },
    columns,
    columnSet: shortHash(Object.keys(columns).sort().join(",")),
    hash: shortHash(JSON.stringify(mapping)),
    applyDeletes: mapping.applyDeletes,
    map(row) {
      const always: Record<string, FieldValue> = {};
      const insertOnly: Record<string, FieldValue> = {};
      const warnings: string[] = [];
      for (const { field, evaluate } of evaluators) {
        const value = fitField(field, evaluate(row), warnings);
        if (value !== undefined) (field.applyUpdates ? always : insertOnly)[field.target] = value;
      }
      return { always, insertOnly, warnings };
    },
  };
}

/** Is this row the loser of a merge? Such a row counts as deleted. */
export function isMergedAway(row: Row): boolean {
  return row.merged === true;
}

/** Does `row` hold every column the mapping reads? One that is missing is unknown, not empty. */
export function coversMapping(row: Row, mapping: CompiledMapping): boolean {
  return Object.keys(mapping.columns).every((column) => Object.hasOwn(row, column));
}

/** The fields that hold something: a new record starts with all others empty anyway. */
export function withoutEmpty(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
}

function columnsToRead({ table, fields, columns }: TableMapping): Record<string, ColumnType> {
  const used = new Set([table.id, ...fields.flatMap((field) => columnsOf(field.source))]);
  const read = Object.fromEntries([...used].sort().map((name) => [name, columns[name] ?? "string"]));
  return mergeable.has(table.name) ? { ...read, merged: "boolean" } : read;
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

type Evaluate = (row: Row) => RowValue;

function compileSource(source: Source): Evaluate {
  if ("column" in source) return (row) => row[source.column] ?? null;
  if ("constant" in source) return () => source.constant;
  if ("trim" in source) {
    const inner = compileSource(source.trim);
    return (row) => {
      const value = inner(row);
      return typeof value === "string" ? value.trim() : value;
    };
  }
  if ("first" in source) {
    const choices = source.first.map(compileSource);
    return (row) => choices.map((choice) => choice(row)).find((value) => value !== null && value !== "") ?? null;
  }
  const parts = source.concat.map(compileSource);
  return (row) => {
    const texts = parts.map((part) => part(row)).filter((value) => value !== null && value !== "");
    return texts.length === 0 ? null : texts.join(source.separator);
  };
}

/** Undefined: the field is left out. */
function fitField(field: FieldMapping, raw: RowValue, warnings: string[]): FieldValue | undefined {
  const converted = convertValue(replaced(field, raw), field.type);
  const misfit = "misfit" in converted ? converted.misfit : lengthMisfit(field, converted.value);
  if (misfit === undefined && "value" in converted) return converted.value;

  if (field.misfit === "truncate" && "value" in converted && field.maxLength !== undefined) {
    warnings.push(`${field.target} truncated to ${field.maxLength}`);
    return truncate(String(converted.value), field.maxLength);
  }
  if (field.misfit === "skip") {
    warnings.push(`${field.target} left out: the value ${misfit}`);
    return undefined;
  }
  if (field.misfit === "empty") {
    warnings.push(`${field.target} emptied: the value ${misfit}`);
    return emptyValues[field.type];
  }
  throw new RefusedError(`field ${field.target} cannot be written: the value ${misfit}`, "mapping", {
    field: field.target,
  });
}

function replaced(field: FieldMapping, raw: RowValue): RowValue {
  const key = String(raw);
  if (Object.hasOwn(field.replacements, key)) return field.replacements[key] ?? null;
  return field.otherwise === undefined ? raw : field.otherwise;
}

function lengthMisfit(field: FieldMapping, value: FieldValue): string | undefined {
  const tooLong = field.maxLength !== undefined && typeof value === "string" && value.length > field.maxLength;
  return tooLong ? `is longer than ${field.maxLength} characters` : undefined;
}

/** Cuts at `length` UTF-16 units, never through a surrogate pair. */
function truncate(text: string, length: number): string {
  const cut = text.slice(0, length);
  const last = cut.charCodeAt(cut.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? cut.slice(0, -1) : cut;
}
