// Sources made ready to run: from a row to the value of a field before conversion. Pure, no code generated, nothing parsed per row.

import type { Row, RowValue } from "../model/row.js";
import { type ColumnFacts, nameCell, needsType, typeCell } from "./column.js";
import { type Misfit, toText } from "./convert.js";
import type { ColumnSource, Constant, Source, Translation } from "./source.js";

/** The value of a source for one row; a misfit where it has none, such as the label of an option nobody knows. */
export type Evaluate = (row: Row) => RowValue | Misfit;

/** What evaluating needs to know besides the source. */
export interface SourceScope {
  columns: ReadonlyMap<string, ColumnFacts>;
  /** What choices become where a source does not say. */
  picklists: "value" | "label";
}

/** Makes a source ready. Its columns must be in scope (validate.ts). */
export function compileSource(source: Source, scope: SourceScope): Evaluate {
  if ("column" in source) return compileColumn(source, scope);
  if ("constant" in source) return () => source.constant;
  if ("first" in source) return compileFirst(source.first.map((choice) => compileSource(choice, scope)));
  if ("concat" in source) {
    return compileConcat(
      source.concat.map((part) => compileSource(part, scope)),
      source.separator,
    );
  }
  if ("trim" in source) return onText(source.trim, scope, (text) => text.trim());
  if ("upper" in source) return onText(source.upper, scope, (text) => text.toUpperCase());
  if ("lower" in source) return onText(source.lower, scope, (text) => text.toLowerCase());
  if ("title" in source) return onText(source.title, scope, titleCase);
  return compileTranslation(source, scope);
}

/** Is what the source reads a date and time without zone? Then conversion takes its digits as they are. */
export function isZoneless(source: Source, { columns }: SourceScope): boolean {
  if ("column" in source) return columns.get(source.column)?.readType === "walltime";
  return "first" in source && source.first.some((choice) => isZoneless(choice, { columns, picklists: "value" }));
}

/** Does a column come out as label rather than as technical value? */
export function wantsLabel(
  source: ColumnSource,
  facts: ColumnFacts | undefined,
  picklists: "value" | "label",
): boolean {
  if (source.as !== undefined) return source.as === "label";
  return picklists === "label" && (facts?.type === "choice" || facts?.type === "choices");
}

/**
 * Other values for exact values. Of a column the technical value is looked up, so that a table of values survives the switch between labels
 * and technical values; of a multi-select every option by itself.
 */
export function compileTranslation({ translate, values, otherwise }: Translation, scope: SourceScope): Evaluate {
  const table = new Map<string, Constant>(Object.entries(values));
  const column = "column" in translate ? translate : undefined;
  const facts = column && scope.columns.get(column.column);
  if (column && facts?.type === "choices") return compileManyTranslated(column, facts, table, otherwise, scope);

  const rest = otherwise === undefined ? compileSource(translate, scope) : () => otherwise;
  const raw = column && facts && isCoded(facts) ? cell(column.column) : compileSource(translate, scope);
  return (row) => {
    const value = raw(row);
    if (isMisfit(value)) return value;
    const found = table.get(typeof value === "string" ? value : String(value));
    return found === undefined ? rest(row) : found;
  };
}

/** Is this a misfit and not a value? */
export function isMisfit(value: unknown): value is Misfit {
  return typeof value === "object" && value !== null && "misfit" in value;
}

const unknownOption: Misfit = { misfit: "is an option without a known label" };

function cell(name: string): (row: Row) => RowValue {
  return (row) => row[name] ?? null;
}

function isCoded({ type }: ColumnFacts): boolean {
  return type === "choice" || type === "boolean";
}

function compileColumn(source: ColumnSource, scope: SourceScope): Evaluate {
  const facts = scope.columns.get(source.column);
  const raw = cell(source.column);
  if (facts === undefined) return raw;
  if (facts.type === "lookup") return compileLookup(source, facts);
  const labelled = wantsLabel(source, facts, scope.picklists);
  if (facts.type === "choices") return compileMany(source, labelled ? facts.labels : undefined, labelled);
  const { labels } = facts;
  if (!labelled || labels === undefined) return labelled ? () => unknownOption : raw;
  return (row) => {
    const value = raw(row);
    return value === null ? null : (labels.get(Number(value)) ?? unknownOption);
  };
}

function compileLookup({ column, as, target }: ColumnSource, facts: ColumnFacts): Evaluate {
  const type = typeCell(column);
  const value = cell(as === "name" ? nameCell(column) : as === "type" ? type : column);
  if (target === undefined || !needsType(facts, target)) return value;
  return (row) => (row[type] === target ? value(row) : null);
}

function compileMany(
  { column, separator }: ColumnSource,
  labels: ReadonlyMap<number, string> | undefined,
  labelled: boolean,
): Evaluate {
  const raw = cell(column);
  if (!labelled && (separator === undefined || separator === ",")) return raw;
  const label = labelled
    ? (option: string) => labels?.get(Number(option)) ?? unknownOption
    : (option: string) => option;
  return joinEach(raw, label, separator ?? (labelled ? "; " : ","));
}

function compileManyTranslated(
  column: ColumnSource,
  facts: ColumnFacts,
  table: ReadonlyMap<string, Constant>,
  otherwise: Constant | undefined,
  scope: SourceScope,
): Evaluate {
  const labelled = wantsLabel(column, facts, scope.picklists);
  const rest = (option: string) => (labelled ? (facts.labels?.get(Number(option)) ?? unknownOption) : option);
  const translate = (option: string) => {
    const found = table.get(option);
    return found !== undefined ? found : otherwise !== undefined ? otherwise : rest(option);
  };
  const raw = cell(column.column);
  const joined = joinEach(raw, translate, column.separator ?? (labelled ? "; " : ","));
  const empty = table.get("null") ?? otherwise ?? null;
  return (row) => (raw(row) === null ? empty : joined(row));
}

/** Every option of a multi-select (`1,3` in a row) turned and joined; those that become null are left out. */
function joinEach(
  raw: (row: Row) => RowValue,
  turn: (option: string) => RowValue | Misfit,
  separator: string,
): Evaluate {
  return (row) => {
    const value = raw(row);
    if (value === null || value === "") return value;
    const turned = String(value).split(",").map(turn);
    return turned.find(isMisfit) ?? turned.filter((one) => one !== null).join(separator);
  };
}

function compileFirst(choices: readonly Evaluate[]): Evaluate {
  return (row) => {
    for (const choice of choices) {
      const value = choice(row);
      if (value !== null && value !== "") return value;
    }
    return null;
  };
}

function compileConcat(parts: readonly Evaluate[], separator: string): Evaluate {
  return (row) => {
    let text: string | null = null;
    for (const part of parts) {
      const value = part(row);
      if (value === null || value === "") continue;
      if (isMisfit(value)) return value;
      text = text === null ? toText(value) : text + separator + toText(value);
    }
    return text;
  };
}

/** Applies to text; anything else passes as it is. */
function onText(source: Source, scope: SourceScope, turn: (text: string) => string): Evaluate {
  const inner = compileSource(source, scope);
  return (row) => {
    const value = inner(row);
    return typeof value === "string" ? turn(value) : value;
  };
}

const word = /\p{L}[\p{L}\p{M}'’]*/gu;

function titleCase(text: string): string {
  return text.replace(word, (found) => {
    const [first = ""] = found;
    return first.toUpperCase() + found.slice(first.length).toLowerCase();
  });
}
