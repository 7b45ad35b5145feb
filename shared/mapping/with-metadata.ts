// A mapping document held against what Dynamics says of its table: what the document leaves open is filled in, what it says wrongly is named by
// its path. Pure; reading the metadata is dataverse/metadata.ts, checking the mapping in itself validate.ts.

import type { MappingProblem } from "./problem.js";
import type { ColumnEntry, TableMapping } from "./table-mapping.js";
import type { ColumnMetadata, TableMetadata } from "./table-metadata.js";

/** `language`: LCID of the labels. `tracking` false: change tracking is about to be switched on, so that its absence is no problem. */
export interface MetadataRules {
  language: number;
  tracking: boolean;
}

/** The mapping with nothing left open that the metadata could say, and what does not agree with them. */
export interface FilledMapping {
  mapping: TableMapping;
  problems: MappingProblem[];
  warnings: MappingProblem[];
}

/**
 * Fills in lengths, options with labels, lookup targets and date behaviours. The metadata win over the document's lengths and targets (with a
 * warning); options that the document lists stay as they are. `known` undefined: there is no such table.
 */
export function withMetadata(
  mapping: TableMapping,
  known: TableMetadata | undefined,
  rules: MetadataRules,
): FilledMapping {
  if (!known) {
    const problem = `Dynamics has no table ${mapping.table.name}`;
    const fix = "correct its logical name, or create the table first";
    return { mapping, problems: [{ path: "table.name", problem, fix }], warnings: [] };
  }
  const columns = Object.entries(mapping.columns).map(([name, entry]) => {
    const said: ColumnSaid = typeof entry === "string" ? { type: entry } : entry;
    return { name, ...fillColumn(said, known.columns.get(name), { table: known.name, language: rules.language }) };
  });
  const found = (kind: "problems" | "warnings"): MappingProblem[] =>
    columns.flatMap((column) =>
      column[kind].map(({ path, ...rest }) => ({ path: `columns.${column.name}${path && `.${path}`}`, ...rest })),
    );
  return {
    mapping: { ...mapping, columns: Object.fromEntries(columns.map(({ name, entry }) => [name, entry])) },
    problems: [...tableProblems(mapping, known, rules), ...found("problems")],
    warnings: found("warnings"),
  };
}

type ColumnSaid = Exclude<ColumnEntry, string>;

interface FilledColumn {
  entry: ColumnEntry;
  problems: MappingProblem[];
  warnings: MappingProblem[];
}

function tableProblems({ table }: TableMapping, known: TableMetadata, { tracking }: MetadataRules): MappingProblem[] {
  const problems: MappingProblem[] = [];
  if (table.set !== known.set) {
    const problem = `the entity set of ${known.name} is ${known.set}`;
    problems.push({ path: "table.set", problem, fix: `write "${known.set}"` });
  }
  if (table.id !== known.id) {
    const problem = `the id column of ${known.name} is ${known.id}`;
    problems.push({ path: "table.id", problem, fix: `write "${known.id}"` });
  }
  if (tracking && known.changeTracking !== "on") {
    const possible = known.changeTracking === "off";
    problems.push({
      path: "table.name",
      problem: `change tracking of ${known.name} is off${possible ? "" : " and cannot be switched on"}`,
      fix: possible
        ? "run npm run dataverse:apply with --mappings and these documents, which switches it on"
        : "map another table: without change tracking, changes could be missed",
    });
  }
  return problems;
}

function fillColumn(
  said: ColumnSaid,
  known: ColumnMetadata | undefined,
  { table, language }: { table: string; language: number },
): FilledColumn {
  const refuse = (problem: string, fix: string, path = ""): FilledColumn => ({
    entry: said,
    problems: [{ path, problem, fix }],
    warnings: [],
  });
  if (!known) return refuse(`is not a column of ${table}`, "correct its logical name, or create the column first");
  if (!known.type) return refuse(`is a column of kind ${known.kind}, which no mapping can read`, "remove it");
  if (!known.readable) return refuse("cannot be read through the Web API", "remove it");
  if (!sameType(said, known)) {
    return refuse(`type differs: in Dynamics it is ${known.kind}`, `write "${typeToWrite(known)}"`);
  }
  switch (said.type) {
    case "string":
      return fillLength(said, known);
    case "choice":
    case "choices":
    case "boolean":
      return fillOptions(said, known, language);
    case "lookup":
      return fillTargets(said, known);
    case "date":
    case "datetime":
      return fillBehaviour(said, known);
    default:
      return { entry: said.type, problems: [], warnings: [] };
  }
}

/** A `date` is a day that people see as one; whether it is stored as one is `fillBehaviour`'s to say. */
function sameType({ type }: ColumnSaid, known: ColumnMetadata): boolean {
  if (type === "date") return known.type === "datetime" && known.showsDayOnly === true;
  return type === known.type;
}

function typeToWrite({ type, behaviour }: ColumnMetadata): string {
  return type === "datetime" && behaviour === "dateOnly" ? "date" : String(type);
}

function fillLength(said: ColumnSaid, { maxLength }: ColumnMetadata): FilledColumn {
  const differs = said.maxLength !== undefined && maxLength !== undefined && said.maxLength !== maxLength;
  const problem = `holds up to ${maxLength} characters in Dynamics`;
  return {
    entry: tidy({ ...said, maxLength: maxLength ?? said.maxLength }),
    problems: [],
    warnings: differs ? [{ path: "maxLength", problem, fix: `write ${maxLength}, or leave it out` }] : [],
  };
}

/** More than the schema takes are left to the row, or to nobody. */
const mostOptions = 2_000;
const mostTargets = 200;

function fillOptions(said: ColumnSaid, { options = [] }: ColumnMetadata, language: number): FilledColumn {
  if (said.options) return { entry: said, problems: [], warnings: optionWarnings(said.options, options) };
  const labelled = options.flatMap(({ value, labels }) => {
    const label = labels.get(language);
    return label === undefined ? [] : [{ value, label }];
  });
  const nameless = options.filter(({ labels }) => !labels.has(language)).map(({ value }) => value);
  const warning: MappingProblem = {
    path: "",
    problem: `no label in language ${language} for ${listOf(nameless)}`,
    fix: "add the label in Dynamics, publish for another language, or list the options in the document",
  };
  const usable = labelled.length > 0 && labelled.length <= mostOptions;
  return {
    entry: tidy({ ...said, options: usable ? labelled.sort((a, b) => a.value - b.value) : undefined }),
    problems: [],
    warnings: nameless.length > 0 ? [warning] : [],
  };
}

function optionWarnings(said: readonly { value: number }[], known: readonly { value: number }[]): MappingProblem[] {
  const without = (ours: readonly { value: number }[], theirs: readonly { value: number }[]): number[] =>
    ours.filter(({ value }) => !theirs.some((other) => other.value === value)).map(({ value }) => value);
  const gone = without(said, known);
  const unlisted = without(known, said);
  const fix = "list the options that Dynamics has, or leave options out";
  return [
    ...(gone.length > 0 ? [{ path: "options", problem: `Dynamics has no option ${listOf(gone)}`, fix }] : []),
    ...(unlisted.length > 0
      ? [{ path: "options", problem: `the document does not list option ${listOf(unlisted)} of Dynamics`, fix }]
      : []),
  ];
}

function fillTargets(said: ColumnSaid, { targets = [] }: ColumnMetadata): FilledColumn {
  const known = [...targets].sort();
  const never = (said.targets ?? []).filter((target) => !known.includes(target));
  const others = said.targets ? known.filter((target) => !said.targets?.includes(target)) : [];
  const usable = known.length > 0 && known.length <= mostTargets;
  const fix = `write ${known.join(", ")}, or leave targets out`;
  return {
    entry: tidy({ ...said, targets: usable ? known : said.targets }),
    problems: never.length > 0 ? [{ path: "targets", problem: `never points to ${never.join(", ")}`, fix }] : [],
    warnings: others.length > 0 ? [{ path: "targets", problem: `points to ${others.join(", ")} too`, fix }] : [],
  };
}

function fillBehaviour(said: ColumnSaid, { behaviour }: ColumnMetadata): FilledColumn {
  const differs = said.behaviour !== undefined && behaviour !== undefined && said.behaviour !== behaviour;
  const problem = `differs: in Dynamics it is ${behaviour}`;
  const shifts = said.type === "date" && behaviour === "userLocal";
  return {
    entry: said.type === "date" ? tidy(said) : tidy({ ...said, behaviour: behaviour ?? said.behaviour }),
    problems: differs ? [{ path: "behaviour", problem, fix: `write "${behaviour}", or leave it out` }] : [],
    warnings: shifts
      ? [
          {
            path: "",
            problem:
              "is a day that Dynamics keeps as a moment (user local): east of Greenwich it can come out a day early",
            fix: "change the column's behaviour in Dynamics to date only",
          },
        ]
      : [],
  };
}

/** The short form where nothing but the type is known. */
function tidy(entry: ColumnSaid): ColumnEntry {
  const said = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)) as ColumnSaid;
  return Object.keys(said).length === 1 ? said.type : said;
}

function listOf(values: readonly number[]): string {
  const shown = values.slice(0, 10).join(", ");
  return values.length > 10 ? `${shown} and ${values.length - 10} more` : shown;
}
