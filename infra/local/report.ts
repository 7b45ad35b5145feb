// What a scenario measured, and how it is shown.

import type { Difference } from "./oracle.js";

/** Outcome of a scenario. Latencies: from before the edit was sent to Dynamics until Campaign stored it, in ms. */
export interface Report<Kind extends string = string> {
  agree: boolean;
  records: number;
  differences: Difference[];
  failures: number;
  campaignCalls: Record<Kind, { changes: number; calls: number }>;
  latencyMs: { p50: number; p99: number };
  loadSeconds: number;
}

/** The median and what 99 of 100 stay below, of values in ms. */
export function percentiles(values: readonly number[]): Report["latencyMs"] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Whole numbers from `from` to below `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** The summary, on the terminal. */
export function printReport({ campaignCalls, latencyMs, differences, records, failures, agree }: Report): void {
  console.log("\nsummary");
  console.log(
    `  records compared field by field: ${records}, differences: ${differences.length}, failures: ${failures}`,
  );
  for (const { id, what } of differences.slice(0, 10)) console.log(`    ${id}: ${what}`);
  console.log("  Campaign calls per kind of change:");
  const width = Math.max(9, ...Object.keys(campaignCalls).map((kind) => kind.length));
  for (const [kind, { changes, calls }] of Object.entries(campaignCalls)) {
    console.log(
      `    ${kind.padEnd(width)} ${String(changes).padStart(5)} changes  ${String(calls).padStart(5)} calls  ${(calls / changes).toFixed(2)} each`,
    );
  }
  console.log(`  change in Dynamics to profile in Campaign: p50 ${latencyMs.p50} ms, p99 ${latencyMs.p99} ms`);
  console.log(agree ? "  both systems agree" : "  THE SYSTEMS DIFFER");
}
