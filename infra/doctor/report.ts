// What the checks found, for people: one row a finding, aligned, and under it what to do.

import type { Verdict } from "./check.js";
import type { Checked } from "./run-checks.js";

const widest = 120;

/** The table, and a last line that counts. */
export function reportLines(checked: readonly Checked[]): string[] {
  const labels = checked.map(({ area, name }) => `${area}: ${name}`);
  const width = Math.max(...labels.map((label) => label.length), 0);
  const indent = " ".repeat("skipped".length + 2 + width + 2);
  const rows = checked.flatMap(({ findings }, index) =>
    findings.flatMap((finding, place) => {
      const label = place === 0 ? (labels[index] ?? "") : "";
      const [first = "", ...more] = wrap(finding.seen);
      const fix = "fix" in finding ? wrap(`→ ${finding.fix}`) : [];
      const head = `${finding.verdict.padEnd("skipped".length)}  ${label.padEnd(width)}  ${first}`;
      return [head, ...[...more, ...fix].map((line) => `${indent}${line}`)];
    }),
  );
  return [...rows, "", countLine(checked)];
}

/** The same for programs. */
export function reportJson(checked: readonly Checked[], at: Date): string {
  return `${JSON.stringify({ at: at.toISOString(), verdict: hasFailed(checked) ? "fail" : "ok", checks: checked }, null, 2)}\n`;
}

/** Is something wrong that keeps the product from working as it must? */
export function hasFailed(checked: readonly Checked[]): boolean {
  return checked.some(({ verdict }) => verdict === "fail");
}

function countLine(checked: readonly Checked[]): string {
  const count = (wanted: Verdict): number => checked.filter(({ verdict }) => verdict === wanted).length;
  const parts = (["ok", "warn", "fail", "skipped"] as const).map((verdict) => `${count(verdict)} ${verdict}`);
  return `${checked.length} checks: ${parts.join(", ")}. docs/doctor.md says what each of them means.`;
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > widest) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
