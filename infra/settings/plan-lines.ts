// Plans and publications for people.

import type { Estimate, Outcome, Version } from "./app.js";
import type { Plan } from "./plan.js";

/** The plan for people. `since`: the version that was last seen from here. */
export function planLines(name: string, plan: Plan, since: number | undefined, later: readonly Version[]): string[] {
  const { current, wanted, outcome, kept, unused } = plan;
  const changed = new Map(outcome.changes.map(({ table, change }) => [table, change]));
  const tables = [...new Set([...changed.keys(), ...outcome.differences.map(({ table }) => table)])];
  return [
    `${name}: ${publishedLine(current)}, is in force`,
    ...(since !== undefined && since !== current.version
      ? [
          `there were others since version ${since}, the last one seen from here:`,
          ...later.map((one) => `  ${publishedLine(one)}`),
        ]
      : []),
    ...(wanted.language === current.language ? [] : [`language of labels: ${current.language} → ${wanted.language}`]),
    ...tables.flatMap((table) => [
      `${table}: ${changed.get(table) ?? "differs, and its records do not"}`,
      ...differenceLines(table, outcome),
    ]),
    ...kept.map(
      (table) =>
        `${table}: no mapping is given for it here, and it stays as it is (--remove ${table} takes it out of force)`,
    ),
    ...unused.map((value) => `warning: value ${value} of ${name} is used nowhere`),
    ...outcome.warnings.map((one) => `warning: ${placed(one.path, plan)}: ${one.problem}. ${one.fix}`),
    ...outcome.problems.map((one) => `problem: ${placed(one.path, plan)}: ${one.problem}. ${one.fix}`),
    ...(outcome.problems.length > 0
      ? ["it cannot be published like this"]
      : plan.differs
        ? [replayLine(outcome)]
        : ["nothing differs"]),
  ];
}

/** A place in the documents of a request, as a place in a file. */
export function placed(path: string, { sources }: Pick<Plan, "sources">): string {
  const [, index, rest = ""] = /^(?:body\.documents)?\[(\d+)\]\.?(.*)$/.exec(path) ?? [];
  const source = index === undefined ? undefined : sources[Number(index)];
  if (!source) return path;
  return rest === "" ? source.from : `${source.from}: ${rest}`;
}

function replayLine({ changes }: Outcome): string {
  const tables = changes.filter(({ change }) => change !== "removed").map(({ table }) => table);
  if (tables.length === 0) return "publishing orders no replay";
  return `publishing orders a replay of ${tables.join(", ")}: each record is compared, and written where it differs`;
}

const longest = 120;

function differenceLines(table: string, { changes, differences }: Outcome): string[] {
  const lines = differences.filter((one) => one.table === table).map(differenceLine);
  const isChanged = changes.some((one) => one.table === table && one.change === "changed");
  return isChanged && lines.length === 0
    ? ["  in nothing but the order of its fields, or what Dynamics says of its columns"]
    : lines;
}

function differenceLine({ path, from, to }: Outcome["differences"][number]): string {
  if (from === undefined) return `  + ${path}: ${spoken(to)}`;
  if (to === undefined) return `  - ${path}: ${spoken(from)}`;
  return `  ~ ${path}: ${spoken(from)} → ${spoken(to)}`;
}

function spoken(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}

/** `by` is the app itself where nobody has published yet. */
function publishedLine({ version, by, publishedAt, note }: Version): string {
  if (version === 1) return `version ${version}, ${note}`;
  return `version ${version}, published by ${by} at ${publishedAt}${note === "" ? "" : ` (${note})`}`;
}

/** What was published, and what the app does about it. */
export function outcomeLine(name: string, { outcome, version, replays }: Outcome): string {
  if (outcome === "unchanged") return `${name}: version ${version} was in force already`;
  const ordered = replays.ordered.length > 0 ? `; replay ordered: ${replays.ordered.join(", ")}` : "";
  const owed = replays.owed.length > 0 ? `; replay to be ordered by the next sweep: ${replays.owed.join(", ")}` : "";
  return `${name}: published as version ${version}${ordered}${owed}`;
}

/** A version of the history. */
export function versionLine(version: Version): string {
  return `${publishedLine(version)}: ${version.tables.join(", ")}`;
}

/** What a replay of a table takes. */
export function estimateLine(table: string, { records, campaignCalls, hours }: Estimate): string {
  if (!records || !campaignCalls || !hours) return `  ${table}: nobody knows yet how many records it has`;
  const { count } = records;
  return `  ${table}: ${count} records, ${campaignCalls.least} to ${campaignCalls.most} Campaign calls, at most ${hours.most} hours`;
}
