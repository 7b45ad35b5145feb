// What was seen, as numbers with names: the metrics of docs/telemetry.md. Pure.

import type { Facts } from "../log/log.js";
import type { Seen, Tallies } from "./measure.js";

/** Kinds of measurements: one log line each, `measured <kind>`. */
export const gaugeKinds = ["backlog", "checkpoints", "flows", "calls", "lag", "state", "progress"] as const;
/** See `gaugeKinds`. */
export type GaugeKind = (typeof gaugeKinds)[number];

/** One number: `what` was measured `of` which queue, table, workflow or system. Ages are in seconds. */
export interface Gauge {
  kind: GaugeKind;
  of: string;
  what: string;
  value: number;
  unit: "s" | "1";
}

/** All numbers of one look. What has no number, a workflow that never ran say, is left out. */
export function toGauges(seen: Seen): Gauge[] {
  const count = (kind: GaugeKind, of: string, what: string, value: number | undefined): Gauge[] =>
    value === undefined ? [] : [{ kind, of, what, value, unit: "1" }];
  const age = (kind: GaugeKind, of: string, what: string, since: number | undefined): Gauge[] =>
    since === undefined ? [] : [{ kind, of, what, value: Math.max(0, (seen.now - since) / 1000), unit: "s" }];
  const tally = (kind: GaugeKind, name: keyof Tallies): Gauge[] =>
    Object.entries(seen.tallies[name]).flatMap(([what, value]) => count(kind, name, what, value));
  const parked = seen.tables.filter((table) => table.parked !== undefined);
  return [
    ...seen.queues.flatMap((sight) => {
      if ("problem" in sight) return [];
      const { queue, waiting, dead, heads } = sight;
      const oldest = heads.size === 0 ? seen.now : Math.min(...[...heads.values()].map(({ at }) => at));
      return [
        ...count("backlog", queue, "waiting", waiting),
        ...count("backlog", queue, "dead", dead),
        ...age("backlog", queue, "oldest", oldest),
      ];
    }),
    ...seen.tables.flatMap(({ table, lookedAt }) => age("checkpoints", table, "age", lookedAt)),
    ...seen.workflows.flatMap(({ name, isOn, at, stoppedSince }) =>
      isOn ? [...age("flows", name, "since-success", at), ...age("flows", name, "stopped", stoppedSince)] : [],
    ),
    ...tally("calls", "campaign"),
    ...tally("calls", "dynamics"),
    ...tally("lag", "lag"),
    ...count("state", "failures", "open", seen.openFailures),
    ...count("state", "tables", "parked", parked.length),
    ...seen.closedGates.flatMap(({ peer, since }) => age("state", `gate-${peer}`, "closed", since)),
    ...seen.tables.flatMap(({ table, fullRead }) => count("progress", table, "rows", fullRead)),
    ...count("progress", "backfill", "rows", seen.backfill?.rows),
    ...count("progress", "backfill", "expected", seen.backfill?.expected),
  ];
}

const measured = "measured";

/** One line a kind: facts are named `of.what`. Kinds without a number have none. */
export function toLines(gauges: readonly Gauge[]): { event: string; facts: Facts }[] {
  return gaugeKinds.flatMap((kind) => {
    const own = gauges.filter((gauge) => gauge.kind === kind);
    const facts = Object.fromEntries(own.map(({ of, what, value }) => [`${of}.${what}`, rounded(value)]));
    return own.length === 0 ? [] : [{ event: `${measured} ${kind}`, facts }];
  });
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
