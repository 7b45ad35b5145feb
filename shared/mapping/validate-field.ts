// What can be wrong with one field of a mapping: its target, its source, what it would do to values. Pure.

import type { ColumnFacts } from "./column.js";
import { convertValue, type ScalarType } from "./convert.js";
import { wantsLabel } from "./evaluate.js";
import { linkColumn } from "./field.js";
import { isOptOutField } from "./opt-out-fields.js";
import { type MappingProblem, pathOf } from "./problem.js";
import { type ColumnSource, partsOf, type Source, type Translation } from "./source.js";
import type { ColumnType, FieldMapping, TableMapping } from "./table-mapping.js";

type Columns = ReadonlyMap<string, ColumnFacts>;

/** Everything wrong with field `index`. */
export function fieldProblems(mapping: TableMapping, index: number, columns: Columns): MappingProblem[] {
  const field = mapping.fields[index];
  if (!field) return [];
  const at = (problem: MappingProblem): MappingProblem => ({ ...problem, path: `fields[${index}].${problem.path}` });
  return [
    ...sourceProblems(field.source, ["source"], { columns, mapping, field }),
    ...targetProblems(mapping, field, index),
    ...typeProblems(field, columns, mapping),
    ...misfitProblems(field),
    ...linkProblems(field, columns),
  ].map(at);
}

/** What works but may not be meant. */
export function fieldWarnings({ fields, picklists }: TableMapping, index: number, columns: Columns): MappingProblem[] {
  const field = fields[index];
  if (!field || !("column" in field.source)) return [];
  const facts = columns.get(field.source.column);
  const warnings: MappingProblem[] = [];
  const longest = wantsLabel(field.source, facts, picklists)
    ? Math.max(0, ...[...(facts?.labels?.values() ?? [])].map((label) => label.length))
    : facts?.maxLength;
  if (field.misfit === "fail" && longest !== undefined && longest > (field.maxLength ?? Number.POSITIVE_INFINITY)) {
    const problem = `${field.source.column} holds up to ${longest} characters, ${field.target} takes ${field.maxLength}: longer ones fail`;
    warnings.push({
      path: `fields[${index}].misfit`,
      problem,
      fix: "choose truncate, skip or empty if that is not meant",
    });
  }
  const known = facts && technicalValues(facts);
  for (const key of known ? Object.keys(field.replacements) : []) {
    if (key === "null" || known?.includes(key)) continue;
    const problem = `${field.source.column} never has the value ${key}`;
    const fix = "replace by the technical value, whatever picklists says: an option's number, true or false";
    warnings.push({ path: `fields[${index}].replacements.${key}`, problem, fix });
  }
  return warnings;
}

/** All values a column can have, as replacements spell them; undefined where they are not known. */
function technicalValues({ type, labels }: ColumnFacts): readonly string[] | undefined {
  if (type === "boolean") return ["true", "false"];
  return type === "choice" || type === "choices" ? labels && [...labels.keys()].map(String) : undefined;
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
  "postalAddress",
]);

/** Does Campaign compute this field itself (facts/campaign.md §7.1)? */
export function computedTarget(head: string): boolean {
  return computedFields.has(head);
}

function targetProblems({ fields, key }: TableMapping, { target }: FieldMapping, index: number): MappingProblem[] {
  const path = "target";
  const [head = ""] = target.split(".");
  if (isOptOutField(head)) {
    const problem = `${head} is an opt-out attribute: choose an opt-out direction instead of mapping it`;
    return [{ path, problem, fix: "remove the field and set the opt-out direction" }];
  }
  if (target === key.field)
    return [{ path, problem: `${head} is the key and is written by itself`, fix: "remove the field" }];
  if (computedTarget(head)) return [{ path, problem: `Campaign computes ${head} itself`, fix: "remove the field" }];
  const first = fields.findIndex((other) => other.target === target);
  if (first !== index) {
    const fix = "join both sources in one field by first or concat";
    return [{ path, problem: `${target} is already the target of fields[${first}]`, fix }];
  }
  const within = fields.findIndex((other) => other.target.startsWith(`${target}.`));
  if (within >= 0) {
    return [{ path, problem: `fields[${within}] writes an item inside ${target}`, fix: "map the item's fields only" }];
  }
  return [];
}

interface SourceContext {
  columns: Columns;
  mapping: TableMapping;
  field: FieldMapping;
}

function sourceProblems(source: Source, path: readonly PropertyKey[], context: SourceContext): MappingProblem[] {
  if ("column" in source) {
    const topReplaces = Object.keys(context.field.replacements).length > 0 && context.field.otherwise !== undefined;
    return columnProblems(source, path, context, path.length === 1 && topReplaces);
  }
  if ("translate" in source) return translationProblems(source, path, context);
  const [member = ""] = Object.keys(source);
  const list = "first" in source || "concat" in source;
  return partsOf(source).flatMap((part, index) =>
    sourceProblems(part, [...path, member, ...(list ? [index] : [])], context),
  );
}

function translationProblems(
  source: Translation,
  path: readonly PropertyKey[],
  context: SourceContext,
): MappingProblem[] {
  const inner = [...path, "translate"];
  if ("column" in source.translate) {
    return columnProblems(source.translate, inner, context, source.otherwise !== undefined);
  }
  return sourceProblems(source.translate, inner, context);
}

/** `decoded`: every value becomes another one, so that no label is needed. */
function columnProblems(
  source: ColumnSource,
  path: readonly PropertyKey[],
  { columns, mapping }: SourceContext,
  decoded: boolean,
): MappingProblem[] {
  const facts = columns.get(source.column);
  if (!facts) {
    const problem = `column ${source.column} is not listed under columns`;
    return [{ path: pathOf(path), problem, fix: "add it to columns with its type" }];
  }
  const problems: MappingProblem[] = [];
  const refuse = (member: string, problem: string, fix: string): void => {
    problems.push({ path: pathOf([...path, member]), problem, fix });
  };
  const typesOfAs: Record<string, readonly ColumnType[]> = {
    label: ["choice", "choices", "boolean"],
    name: ["lookup"],
    type: ["lookup"],
  };
  const types = typesOfAs[source.as ?? "value"];
  if (types && !types.includes(facts.type)) {
    refuse("as", `a column of type ${facts.type} has no ${source.as}`, "leave as out");
  } else if (wantsLabel(source, facts, mapping.picklists) && facts.labels === undefined && !decoded) {
    const problem = `the labels of ${source.column} are not known`;
    problems.push({ path: pathOf(path), problem, fix: "add its options to columns, or take its technical value" });
  }
  if (source.target !== undefined && facts.type !== "lookup") {
    refuse("target", `${source.column} is no lookup: it points to no table`, "leave target out");
  } else if (source.target !== undefined && facts.targets && !facts.targets.includes(source.target)) {
    refuse("target", `${source.column} never points to ${source.target}`, `choose one of ${facts.targets.join(", ")}`);
  }
  if (source.separator !== undefined && facts.type !== "choices") {
    refuse("separator", `${source.column} is not a multi-select`, "leave separator out");
  }
  return problems;
}

const numbers: readonly ScalarType[] = ["integer", "float", "double"];
const times: readonly ScalarType[] = ["date", "datetime"];

/** Pairs of the conversion matrix in which no value ever fits (facts/campaign.md §11). */
const neverFits: Readonly<Record<ColumnType, readonly ScalarType[]>> = {
  id: [...numbers, ...times, "boolean"],
  lookup: [...numbers, ...times, "boolean"],
  string: [],
  integer: times,
  choice: times,
  choices: [...numbers, ...times, "boolean"],
  decimal: [...times, "boolean"],
  money: [...times, "boolean"],
  boolean: ["float", "double", ...times],
  date: [...numbers, "boolean"],
  datetime: [...numbers, "boolean"],
};

function typeProblems(field: FieldMapping, columns: Columns, { picklists }: TableMapping): MappingProblem[] {
  const { source, type, replacements, otherwise } = field;
  const problems: MappingProblem[] = [];
  if (field.size !== undefined && type !== "integer") {
    problems.push({ path: "size", problem: `a field of type ${type} has no size`, fix: "remove it" });
  }
  if (
    field.maxLength !== undefined &&
    (numbers.includes(type as ScalarType) || type === "boolean" || type === "link")
  ) {
    problems.push({ path: "maxLength", problem: `a field of type ${type} has no length`, fix: "remove it" });
  }
  if (type === "link") return problems;
  const given: [string, string | number | boolean | undefined][] = [
    ...Object.entries(replacements).map(([key, value]): [string, typeof value] => [`replacements.${key}`, value]),
    ["otherwise", otherwise],
    ["source.constant", "constant" in source ? source.constant : undefined],
  ];
  for (const [path, value] of given) {
    const misfit = value === undefined ? undefined : constantMisfit(value, field, type);
    if (misfit !== undefined)
      problems.push({
        path,
        problem: `${misfit}: it never fits ${field.target}`,
        fix: `write a value of type ${type}`,
      });
  }
  if (!("column" in source) || Object.keys(replacements).length > 0 || otherwise !== undefined) return problems;
  const facts = columns.get(source.column);
  const isText = source.as === "name" || source.as === "type" || wantsLabel(source, facts, picklists);
  if (facts && !isText && neverFits[facts.type].includes(type)) {
    const problem = `a value of type ${facts.type} never fits a field of type ${type}`;
    problems.push({ path: "type", problem, fix: "choose another type, or give replacements" });
  }
  return problems;
}

function constantMisfit(
  value: string | number | boolean,
  { size, maxLength }: FieldMapping,
  type: ScalarType,
): string | undefined {
  const converted = convertValue(value, type, { size });
  if ("misfit" in converted) return `the value ${converted.misfit}`;
  const tooLong =
    typeof converted.value === "string" && converted.value.length > (maxLength ?? Number.POSITIVE_INFINITY);
  return tooLong ? `the value is longer than ${maxLength} characters` : undefined;
}

/** Half an address or half a key is somebody else's. */
function misfitProblems({ misfit, target, type, link }: FieldMapping): MappingProblem[] {
  if (misfit !== "truncate") return [];
  const fix = "choose fail, skip or empty";
  if (link) return [{ path: "misfit", problem: `${target} links by a key, and half a key is another one`, fix }];
  if (type === "enumeration") {
    return [
      { path: "misfit", problem: `${target} takes the names of its values, and half a name is none of them`, fix },
    ];
  }
  if (type === "string" && /e-?mail/i.test(target)) {
    return [{ path: "misfit", problem: `${target} is an e-mail address, and half an address is another one`, fix }];
  }
  return [];
}

function linkProblems(field: FieldMapping, columns: Columns): MappingProblem[] {
  const { link, type, replacements, otherwise, target } = field;
  if (!link) {
    const fix = "add link with the parent's table, or choose the type of a scalar field";
    return type === "link" ? [{ path: "link", problem: "a field of type link needs to know its parent", fix }] : [];
  }
  const problems: MappingProblem[] = [];
  const wanted = link.by === "key" ? type === "link" : type === "string";
  if (!wanted) {
    const problem =
      link.by === "key" ? "a link by key is a field of type link" : "a join column holds the parent's id as text";
    problems.push({ path: "type", problem, fix: `write ${link.by === "key" ? "link" : "string"}` });
  }
  if (link.by === "key" && target.includes(".")) {
    const fix = "name the link itself";
    problems.push({ path: "target", problem: "a link is a field of the resource itself, not of an item", fix });
  }
  const source = linkColumn(field);
  const facts = source && columns.get(source.column);
  if (!source || source.as !== undefined || source.target !== undefined || (facts && facts.type !== "lookup")) {
    const fix = "write the lookup column alone; link.table says which of its tables counts";
    problems.push({ path: "source", problem: "a link is made from a lookup column", fix });
  } else if (facts?.targets && !facts.targets.includes(link.table)) {
    const problem = `${source.column} never points to ${link.table}`;
    problems.push({ path: "link.table", problem, fix: `choose one of ${facts.targets.join(", ")}` });
  }
  if (Object.keys(replacements).length > 0 || otherwise !== undefined) {
    const problem = "a replaced id points to nothing";
    problems.push({ path: otherwise === undefined ? "replacements" : "otherwise", problem, fix: "remove it" });
  }
  if (link.cardinality === "1" && link.whenParentFilteredOut === "unlinked") {
    const problem = "Campaign hides a record whose link of cardinality 1 leads nowhere";
    problems.push({
      path: "link.whenParentFilteredOut",
      problem,
      fix: "choose withheld, or cardinality 0..1 in Campaign too",
    });
  }
  return problems;
}
