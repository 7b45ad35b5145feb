// All that is wrong with a table mapping, every problem at once and by its path. Pure; the evaluator never sees a bad mapping.

import { isOptOutField } from "./opt-out-fields.js";
import { type Source, type TableMapping, tableMappingSchema } from "./table-mapping.js";

/** One thing wrong with a mapping, e.g. path `fields[3].target`. */
export interface MappingProblem {
  path: string;
  problem: string;
}

/** A mapping that may be compiled, or everything that keeps it from being one. */
export type Validated = { mapping: TableMapping; problems: readonly [] } | { problems: readonly MappingProblem[] };

/** Columns a source reads. */
export function columnsOf(source: Source): string[] {
  if ("column" in source) return [source.column];
  if ("first" in source) return source.first.flatMap(columnsOf);
  if ("concat" in source) return source.concat.flatMap(columnsOf);
  if ("trim" in source) return columnsOf(source.trim);
  return [];
}

/** Checks a mapping document as a whole. Never throws. */
export function validateMapping(document: unknown): Validated {
  const parsed = tableMappingSchema.safeParse(document);
  if (!parsed.success) {
    return { problems: parsed.error.issues.map((issue) => ({ path: pathOf(issue.path), problem: issue.message })) };
  }
  const problems = [...sourceProblems(parsed.data), ...targetProblems(parsed.data), ...keyProblems(parsed.data)];
  return problems.length > 0 ? { problems } : { mapping: parsed.data, problems: [] };
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}

function sourceProblems({ fields, columns }: TableMapping): MappingProblem[] {
  return fields.flatMap((field, index) =>
    columnsOf(field.source)
      .filter((column) => !Object.hasOwn(columns, column))
      .map((column) => ({ path: `fields[${index}].source`, problem: `column ${column} is not listed under columns` })),
  );
}

const computedFields = new Set([
  "PKey",
  "href",
  "age",
  "acsId",
  "created",
  "lastModified",
  "cryptedId",
  "domain",
  "title",
  "isExternal",
  "subscriptions",
]);

function targetProblems({ fields, key }: TableMapping): MappingProblem[] {
  return fields.flatMap((field, index) => {
    const path = `fields[${index}].target`;
    const [head = ""] = field.target.split(".");
    const first = fields.findIndex((other) => other.target === field.target);
    if (isOptOutField(head)) {
      return [{ path, problem: `${head} is an opt-out attribute: choose an opt-out direction instead of mapping it` }];
    }
    if (field.target === key.field) return [{ path, problem: `${head} is the key and is written by itself` }];
    if (computedFields.has(head) || head === "postalAddress")
      return [{ path, problem: `Campaign computes ${head} itself` }];
    if (first !== index) return [{ path, problem: `${field.target} is already the target of fields[${first}]` }];
    return [];
  });
}

function keyProblems({ table, columns }: TableMapping): MappingProblem[] {
  if (columns[table.id] === "id") return [];
  return [{ path: `columns.${table.id}`, problem: "the table's id must be listed with type id" }];
}
