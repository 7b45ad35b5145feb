// All that is wrong with one table mapping, every problem at once and by its path. Pure; the evaluator never sees a bad mapping. What only a
// set of mappings can have wrong is validate-set.ts.

import { type ColumnFacts, columnFacts } from "./column.js";
import { cellOf, conditionProblem } from "./filter.js";
import { isOptOutField } from "./opt-out-fields.js";
import { type MappingProblem, problemsOf } from "./problem.js";
import { columnSourcesOf, type Source } from "./source.js";
import { type TableMapping, tableMappingSchema } from "./table-mapping.js";
import { computedTarget, fieldProblems, fieldWarnings } from "./validate-field.js";

export type { MappingProblem } from "./problem.js";

/** A mapping that may be compiled, or everything that keeps it from being one. Warnings keep it from nothing. */
export type Validated =
  | { mapping: TableMapping; problems: readonly []; warnings: readonly MappingProblem[] }
  | { problems: readonly MappingProblem[]; warnings: readonly MappingProblem[] };

/** Columns a source reads. */
export function columnsOf(source: Source): string[] {
  return columnSourcesOf(source).map(({ column }) => column);
}

/** Checks a mapping document by itself. Never throws. */
export function validateMapping(document: unknown): Validated {
  const { mapping, problems, warnings } = examineMapping(document);
  return mapping && problems.length === 0 ? { mapping, problems: [], warnings } : { problems, warnings };
}

/** The same, with the mapping as far as it has the right shape: for checks that look at several. */
export function examineMapping(document: unknown): {
  mapping?: TableMapping;
  problems: MappingProblem[];
  warnings: MappingProblem[];
} {
  if (isTooDeep(document)) {
    const fix = `nest expressions at most ${deepest} deep`;
    return { problems: [{ path: "", problem: "is nested too deeply", fix }], warnings: [] };
  }
  const parsed = tableMappingSchema.safeParse(document);
  if (!parsed.success) return { problems: problemsOf(parsed.error.issues), warnings: [] };
  const mapping = parsed.data;
  const columns = new Map(Object.entries(mapping.columns).map(([name, entry]) => [name, columnFacts(entry)]));
  return {
    mapping,
    problems: [
      ...columnProblems(mapping),
      ...mapping.fields.flatMap((_field, index) => fieldProblems(mapping, index, columns)),
      ...filterProblems(mapping, columns),
      ...keyProblems(mapping, columns),
      ...optOutProblems(mapping, columns),
    ],
    warnings: [
      ...mapping.fields.flatMap((_field, index) => fieldWarnings(mapping, index, columns)),
      ...unusedColumns(mapping),
      ...keyWarnings(mapping),
    ],
  };
}

const deepest = 40;

/** JSON nested so deeply that reading it recursively could run out of stack. */
function isTooDeep(document: unknown): boolean {
  let level: unknown[] = [document];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > deepest) return true;
    level = level.flatMap((value) => (typeof value === "object" && value !== null ? Object.values(value) : []));
  }
  return false;
}

/** What an entry may say besides its type. */
const typeOfMember = {
  maxLength: ["string"],
  options: ["choice", "choices", "boolean"],
  targets: ["lookup"],
  behaviour: ["date", "datetime"],
} as const;

function columnProblems({ columns }: TableMapping): MappingProblem[] {
  return Object.entries(columns).flatMap(([name, entry]) => {
    if (typeof entry === "string") return [];
    const stray = Object.entries(typeOfMember).flatMap(([member, types]) =>
      member in entry && !(types as readonly string[]).includes(entry.type)
        ? [
            {
              path: `columns.${name}.${member}`,
              problem: `a column of type ${entry.type} has no ${member}`,
              fix: "remove it",
            },
          ]
        : [],
    );
    const values = (entry.options ?? []).map(({ value }) => value);
    const wrong =
      values.length !== new Set(values).size
        ? "two options have one value"
        : entry.type === "boolean" && values.some((value) => value !== 0 && value !== 1)
          ? "a boolean has the options 0 and 1 only"
          : undefined;
    return wrong === undefined
      ? stray
      : [
          ...stray,
          { path: `columns.${name}.options`, problem: wrong, fix: "take the options from the metadata again" },
        ];
  });
}

function filterProblems({ filters }: TableMapping, columns: ReadonlyMap<string, ColumnFacts>): MappingProblem[] {
  return (filters?.conditions ?? []).flatMap((condition, index) => {
    const path = `filters.conditions[${index}]`;
    const facts = columns.get(condition.column);
    if (!facts) {
      const problem = `column ${condition.column} is not listed under columns`;
      return [{ path: `${path}.column`, problem, fix: "add it to columns with its type" }];
    }
    if (condition.as === "type" && facts.type !== "lookup") {
      const fix = "leave as out, or choose a lookup";
      return [{ path: `${path}.as`, problem: `${condition.column} is no lookup: it points to no table`, fix }];
    }
    const problem = conditionProblem(condition, cellOf(condition) === condition.column ? facts.readType : "string");
    return problem === undefined
      ? []
      : [{ path, problem, fix: "choose a comparison and a value that suit the column" }];
  });
}

function keyProblems(
  { table, key, filters }: TableMapping,
  columns: ReadonlyMap<string, ColumnFacts>,
): MappingProblem[] {
  const [head = ""] = key.field.split(".");
  const problems: MappingProblem[] = [];
  if (columns.get(table.id)?.type !== "id") {
    const problem = "the table's id must be listed with type id";
    problems.push({ path: `columns.${table.id}`, problem, fix: `add "${table.id}": "id" to columns` });
  }
  if (head !== key.field || isOptOutField(head) || computedTarget(head)) {
    const problem = `${key.field} cannot be a key: a key is a field of the resource itself that we may write`;
    problems.push({
      path: "key.field",
      problem,
      fix: "choose a text field with an identification key, such as externalId",
    });
  }
  for (const member of ["address", "deleteAddress"] as const) {
    const address = key[member];
    if (address?.by === "filter" && !/^[A-Za-z][A-Za-z0-9_]*$/.test(address.filter)) {
      const problem = "is not the id of a filter definition";
      problems.push({ path: `key.${member}.filter`, problem, fix: "write the id without the leading by" });
    }
    if (address?.by === "filter" && !/^[A-Za-z][A-Za-z0-9_]*$/.test(address.parameter)) {
      const problem = "is not the name of a parameter";
      problems.push({
        path: `key.${member}.parameter`,
        problem,
        fix: "write the name without the trailing _parameter",
      });
    }
  }
  if (filters?.conditions.some(({ column }) => column === "merged")) {
    const problem = "rows that lost a merge count as deleted whatever the filters say";
    problems.push({ path: "filters", problem, fix: "remove the condition on merged" });
  }
  return problems;
}

function optOutProblems(
  { resource, optOuts }: TableMapping,
  columns: ReadonlyMap<string, ColumnFacts>,
): MappingProblem[] {
  if (!optOuts) return [];
  const entries = Object.entries(optOuts.attributes);
  const problems: MappingProblem[] = [];
  if (resource.name !== "profile") {
    const problem = `${resource.name} has no opt-outs: only profiles have`;
    problems.push({ path: "optOuts", problem, fix: "move it to the mapping of contact to profile" });
  }
  if (optOuts.direction !== "disabled" && entries.length === 0) {
    const fix = `name at least one, such as { "email": "donotemail" }`;
    problems.push({ path: "optOuts.attributes", problem: "a direction without attributes does nothing", fix });
  }
  for (const [attribute, column] of entries) {
    const path = `optOuts.attributes.${attribute}`;
    const type = columns.get(column)?.type;
    const twin = entries.find(([, other]) => other === column)?.[0];
    if (type === undefined) {
      const problem = `column ${column} is not listed under columns`;
      problems.push({ path, problem, fix: `add "${column}": "boolean" to columns` });
    } else if (type !== "boolean") {
      problems.push({ path, problem: `column ${column} is no boolean`, fix: "choose one that says yes or no" });
    }
    if (twin !== undefined && twin !== attribute) {
      const problem = `column ${column} already stands for ${twin}`;
      problems.push({ path, problem, fix: "give each attribute a column of its own: one choice cannot be two" });
    }
  }
  return problems;
}

function keyWarnings({ key, resource }: TableMapping): MappingProblem[] {
  if (key.address.by !== "uri" || resource.name === "profile") return [];
  const problem = "keys in the URI are documented for profiles only";
  return [{ path: "key.address", problem, fix: "address by a filter definition if your instance refuses them" }];
}

function unusedColumns({ table, columns, fields, filters, optOuts }: TableMapping): MappingProblem[] {
  const used = new Set([
    table.id,
    ...fields.flatMap(({ source }) => columnsOf(source)),
    ...(filters?.conditions ?? []).map(({ column }) => column),
    ...Object.values(optOuts?.attributes ?? {}),
  ]);
  return Object.keys(columns)
    .filter((name) => !used.has(name))
    .map((name) => ({ path: `columns.${name}`, problem: "nothing reads this column", fix: "remove it, or use it" }));
}
