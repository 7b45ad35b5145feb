// One value of a request body to what a row holds, checked as the Web API checks it; facts/dataverse.md §13, §14.
import { invalidArgument, ODataError, payloadError } from "../errors.js";
import type { Column, Value } from "../model/column.js";
import { isGuid } from "../model/ids.js";
import type { Table } from "../model/table.js";

const EARLIEST_SECONDS = Date.UTC(1753, 0, 1) / 1000;
const EDM: Partial<Record<Column["type"], string>> = {
  BigInt: "Edm.Int64",
  Boolean: "Edm.Boolean",
  DateTime: "Edm.DateTimeOffset",
  Decimal: "Edm.Decimal",
  Double: "Edm.Double",
  Money: "Edm.Decimal",
  Uniqueidentifier: "Edm.Guid",
  Integer: "Edm.Int32",
  Picklist: "Edm.Int32",
  State: "Edm.Int32",
  Status: "Edm.Int32",
};

const refuseType = (table: Table, column: Column, value: unknown): ODataError => {
  const type = column.behavior === "DateOnly" ? "Edm.Date" : (EDM[column.type] ?? "Edm.String");
  return payloadError(table.setName, `Cannot convert the literal '${String(value)}' to the expected type '${type}'.`);
};

const outOfRange = (code: string, table: Table, column: Column, value: unknown, accepted: string): ODataError =>
  new ODataError(
    400,
    code,
    `A validation error occurred. The value ${String(value)} of '${column.name}' on record of type '${table.name}' is outside the valid range. Accepted Values: ${accepted}`,
  );

const checkRange = (code: string, table: Table, column: Column, value: number): number => {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = column;
  if (value < min || value > max) throw outOfRange(code, table, column, value, `${min} to ${max}`);
  return value;
};

const toChoice = (table: Table, column: Column, value: number): number => {
  const accepted = (column.choices ?? []).map((choice) => choice.value);
  if (!accepted.includes(value)) throw outOfRange("0x8004431A", table, column, value, accepted.join(","));
  return value;
};

const toText = (table: Table, column: Column, value: unknown): string => {
  if (typeof value !== "string") throw refuseType(table, column, value);
  if (column.maxLength !== undefined && value.length > column.maxLength) {
    throw new ODataError(
      400,
      "0x80044331",
      `A validation error occurred.  The length of the '${column.name}' attribute of the '${table.name}' entity exceeded the maximum allowed length of '${column.maxLength}'.`,
    );
  }
  return value;
};

const toInteger = (table: Table, column: Column, value: unknown): number => {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw refuseType(table, column, value);
  return value;
};

const toRounded = (table: Table, column: Column, value: unknown): number => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw refuseType(table, column, value);
  const factor = 10 ** Math.min(column.precision ?? 2, 10);
  return Math.round(value * factor) / factor;
};

const toDate = (table: Table, column: Column, value: unknown): Value => {
  const dateOnly = column.behavior === "DateOnly";
  const shape = dateOnly ? /^\d{4}-\d\d-\d\d$/ : /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/;
  if (typeof value !== "string" || !shape.test(value)) throw refuseType(table, column, value);
  const zoned = /T.*(Z|[+-]\d\d:\d\d)$/.test(value) ? value : `${value}${value.includes("T") ? "Z" : "T00:00:00Z"}`;
  const seconds = Math.floor(Date.parse(zoned) / 1000);
  // Date.parse rolls 31 February over to March.
  const isReal =
    !Number.isNaN(seconds) && new Date(`${value.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(value.slice(0, 10));
  if (!isReal) throw refuseType(table, column, value);
  if (seconds < EARLIEST_SECONDS) {
    throw invalidArgument(
      `DateTime is less than minumum value supported by CrmDateTime. Actual value: ${value}, Minimum value supported: 01/01/1753 00:00:00`,
    );
  }
  return dateOnly ? value : seconds;
};

const toChoices = (table: Table, column: Column, value: unknown): Value => {
  if (typeof value !== "string" || !/^-?\d+(\s*,\s*-?\d+)*$/.test(value)) throw refuseType(table, column, value);
  return [...new Set(value.split(",").map(Number))].sort((a, b) => a - b).map((one) => toChoice(table, column, one));
};

/** The stored form of a value. Throws 400: wrong type, too long, out of range, no such choice. */
export function toStored(table: Table, column: Column, value: unknown): Value {
  if (value === null) return null;
  switch (column.type) {
    case "String":
    case "Memo":
    case "EntityName":
    case "Image":
      return toText(table, column, value);
    case "Uniqueidentifier":
      if (typeof value !== "string" || !isGuid(value)) throw refuseType(table, column, value);
      return value.toLowerCase();
    case "Boolean":
      if (typeof value !== "boolean") throw refuseType(table, column, value);
      return value;
    case "Integer":
      return checkRange("0x8004432f", table, column, toInteger(table, column, value));
    case "BigInt":
      return toInteger(table, column, value);
    case "Picklist":
    case "State":
    case "Status":
      return toChoice(table, column, toInteger(table, column, value));
    case "MultiSelectPicklist":
      return toChoices(table, column, value);
    case "Decimal":
    case "Double":
    case "Money":
      return checkRange("0x80044330", table, column, toRounded(table, column, value));
    case "DateTime":
      return toDate(table, column, value);
    default:
      throw refuseType(table, column, value);
  }
}
