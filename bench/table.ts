import { type Result, reachesGoal } from "./bench.js";

/** Results as a Markdown table, which also reads well in a terminal. */
export function toTable(results: readonly Result[]): string {
  const rows = results.map((result) => [result.name, number(result.value), result.unit, goal(result)]);
  const all = [["measured", "value", "unit", "goal"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, column) => (column === 1 ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  return [line(all[0] ?? []), line(rule), ...rows.map(line)].join("\n");
}

function number(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value.toPrecision(3);
}

function goal(result: Result): string {
  if (result.goal === null) return "";
  const bound = `${result.better === "higher" ? "≥" : "≤"} ${result.goal.toLocaleString("en")}`;
  return reachesGoal(result) ? `${bound}, met` : `${bound}, missed`;
}
