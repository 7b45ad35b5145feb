// Which rows are wanted in Campaign: conditions made ready to run, and which comparison a column knows. Pure.

import type { Row, RowValue } from "../model/row.js";
import { type ReadType, typeCell } from "./column.js";
import { instantOf } from "./dates.js";
import type { Comparison, Condition, TableMapping } from "./table-mapping.js";

/** Does a filter accept a row? */
export type Accepts = (row: Row) => boolean;

/** Makes the filters of a valid mapping ready; without filters every row is accepted. */
export function compileFilters(filters: TableMapping["filters"], readType: (column: string) => ReadType): Accepts {
  if (!filters) return () => true;
  const conditions = filters.conditions.map((condition) => compileCondition(condition, typeOf(condition, readType)));
  return filters.join === "and"
    ? (row) => conditions.every((accepts) => accepts(row))
    : (row) => conditions.some((accepts) => accepts(row));
}

/** The row's cell a condition looks at. */
export function cellOf({ column, as }: Condition): string {
  return as === "type" ? typeCell(column) : column;
}

/** What keeps a comparison from being made on a column of this type; undefined when nothing does. */
export function conditionProblem(condition: Condition, type: ReadType): string | undefined {
  const { comparison, value } = condition;
  if (!comparisonsOf(type).includes(comparison)) return `${comparison} cannot be asked of a column of type ${type}`;
  if (comparison === "isEmpty" || comparison === "isNotEmpty") {
    return value === undefined ? undefined : `${comparison} takes no value`;
  }
  if (value === undefined) return `${comparison} needs a value`;
  if (Array.isArray(value) !== (comparison === "in")) return "a list belongs to in, and in needs a list";
  const values = Array.isArray(value) ? value : [value];
  return values.every((one) => normalise(one, type) !== undefined) ? undefined : `the value is not ${kindOf(type)}`;
}

const always: readonly Comparison[] = ["equals", "notEquals", "in", "isEmpty", "isNotEmpty"];
const ordered: readonly Comparison[] = [...always, "greater", "greaterOrEqual", "less", "lessOrEqual"];

function comparisonsOf(type: ReadType): readonly Comparison[] {
  if (type === "string") return [...ordered, "contains", "startsWith"];
  if (type === "choices") return [...always, "contains"];
  return ["boolean", "id", "lookup", "choice"].includes(type) ? always : ordered;
}

function typeOf({ column, as }: Condition, readType: (column: string) => ReadType): ReadType {
  return as === "type" ? "string" : readType(column);
}

/** What is empty equals nothing, is neither greater nor less than anything, and is not equal to everything. */
function compileCondition(condition: Condition, type: ReadType): Accepts {
  const cell = cellOf(condition);
  const test = compileTest(condition, type);
  const whenEmpty = condition.comparison === "isEmpty" || condition.comparison === "notEquals";
  return (row) => {
    const value = row[cell];
    return value === undefined || value === null || value === "" ? whenEmpty : test(value);
  };
}

/** Rows are compared in one spelling: text without case, as Dataverse compares it, instants by their digits in UTC. */
function compileTest({ comparison, value }: Condition, type: ReadType): (value: string | number | boolean) => boolean {
  const values = (Array.isArray(value) ? value : [value]).flatMap((one) => {
    const normal = one === undefined ? undefined : normalise(one, type);
    return normal === undefined || normal === null ? [] : [normal];
  });
  const [wanted = ""] = values;
  const fold = type === "string" ? (one: string | number | boolean) => String(one).toLowerCase() : identity;

  if (type === "choices" && comparison === "contains") return (one) => String(one).split(",").includes(String(wanted));
  switch (comparison) {
    case "isEmpty":
      return () => false;
    case "isNotEmpty":
      return () => true;
    case "equals":
      return (one) => fold(one) === wanted;
    case "notEquals":
      return (one) => fold(one) !== wanted;
    case "in":
      return (
        (set) => (one) =>
          set.has(fold(one))
      )(new Set<RowValue>(values));
    case "contains":
      return (one) => String(fold(one)).includes(String(wanted));
    case "startsWith":
      return (one) => String(fold(one)).startsWith(String(wanted));
    case "greater":
      return (one) => fold(one) > wanted;
    case "greaterOrEqual":
      return (one) => fold(one) >= wanted;
    case "less":
      return (one) => fold(one) < wanted;
    case "lessOrEqual":
      return (one) => fold(one) <= wanted;
  }
}

function identity<T>(value: T): T {
  return value;
}

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A filter's value in the spelling of rows; undefined when it is of another kind than the column. */
function normalise(value: string | number | boolean, type: ReadType): RowValue | undefined {
  switch (type) {
    case "integer":
    case "decimal":
    case "money":
    case "choice":
      return typeof value === "number" ? value : undefined;
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    case "choices":
      return optionsOf(value);
    case "id":
    case "lookup":
      return typeof value === "string" && guid.test(value) ? value.toLowerCase() : undefined;
    case "string":
      return typeof value === "string" ? value.toLowerCase() : undefined;
    default:
      return typeof value === "string" ? timeOf(value, type) : undefined;
  }
}

/** One option as number, or several as `1,3`, in the order of rows. */
function optionsOf(value: string | number | boolean): string | undefined {
  if (typeof value === "boolean" || !/^-?\d+(,-?\d+)*$/.test(String(value))) return undefined;
  return String(value)
    .split(",")
    .sort((a, b) => Number(a) - Number(b))
    .join(",");
}

function timeOf(value: string, type: ReadType): string | undefined {
  const instant = instantOf(value, type === "walltime");
  if (instant === undefined || (type === "date" && value.length !== 10)) return undefined;
  if (type === "date") return value;
  const seconds = `${instant.slice(0, 10)}T${instant.slice(11, 19)}`;
  return type === "walltime" ? seconds : `${seconds}Z`;
}

function kindOf(type: ReadType): string {
  const kinds: Partial<Record<ReadType, string>> = {
    integer: "a number",
    decimal: "a number",
    money: "a number",
    choice: "an option's number",
    choices: "an option's number, or several as 1,3",
    boolean: "true or false",
    id: "a GUID",
    lookup: "a GUID",
    date: "a day as yyyy-mm-dd",
    datetime: "a date and time in ISO form with its zone",
    walltime: "a date and time in ISO form without a zone",
  };
  return kinds[type] ?? "a text";
}
