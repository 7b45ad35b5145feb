// From a choice on one side to the other side, at 20 choices a second: with nothing else to do, and while a large load runs.

import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, Result } from "../bench.js";
import { processorMs } from "../measure.js";
import { type OptOutSystem, type Side, withOptOutSystem } from "./opt-out-system.js";

const part = "optout-delay";
/** What both simulators take for a request. */
const roundTripMs = 20;
const changesPerSecond = 20;
/** As often as the product asks Campaign while changes come (shared/services.ts); it is told of those of Dynamics. */
const pollMs: Readonly<Record<Side, number>> = { campaign: 2_000, dynamics: 0, edit: 0 };
const goalMs = 2_000;
/** Adobe's workflow exports opt-outs once a day (facts/campaign.md §9): up to so long, whatever else it takes. */
const rivalMs = 86_400_000;
const nameOf: Readonly<Record<Side, string>> = {
  campaign: "Campaign to Dynamics",
  dynamics: "Dynamics to Campaign",
  edit: "an ordinary edit",
};

type During = "idle" | "during a load";

/** Twenty seconds of choices for each direction, idle and during a load; five minutes in full. */
export const delay: Bench = {
  name: part,
  run({ full, say }) {
    const seconds = full ? 300 : 20;
    const changes = seconds * changesPerSecond + 1;
    // More than a replay can get done meanwhile.
    const contacts = Math.max(5 * changes, (full ? 100 : 60) * (seconds + 30));
    return withOptOutSystem({ contacts, settings: { LANES: "4" } }, async (system) => {
      await system.observer.slow("campaign", roundTripMs);
      await system.observer.slow("dataverse", roundTripMs);
      const results: Result[] = [];
      let first = 0;
      const played = async (side: Side, during: During): Promise<Played> => {
        say(`${seconds} s, ${nameOf[side]}, ${during}, load average ${loadavg()[0]?.toFixed(1)}`);
        const numbers = Array.from({ length: changes }, (_, index) => first + index);
        first += changes;
        return play(system, side, numbers, say);
      };
      // The same rate of what the product does all day says what the machine is up to.
      const edits = await played("edit", "idle");
      results.push(...toResults("edit", "idle", edits));
      for (const during of ["idle", "during a load"] as const) {
        for (const side of ["campaign", "dynamics"] as const) {
          if (during !== "idle") await startLoad(system);
          const choices = await played(side, during);
          if (during !== "idle") await endLoad(system, say);
          results.push(...toResults(side, during, choices));
        }
      }
      return results;
    });
  },
};

/** Every record is written once more, as slowly as live changes need it. */
async function startLoad({ operator, observer }: OptOutSystem): Promise<void> {
  await observer.takeCalls();
  await operator.replay("contact", "force");
  await sleep(5_000);
}

async function endLoad({ operator, observer, calm }: OptOutSystem, say: (line: string) => void): Promise<void> {
  say(`${(await observer.takeCalls()).total} calls of Campaign since the load began`);
  await operator
    .send("DELETE", "/tables/contact/replay")
    .catch(() => say("the load ended before the choices did: these numbers are too good"));
  await calm();
}

/** `lags`, of each in ms, the shortest first; the host's processor time and operations of Table Storage, timers included, are of one. */
interface Played {
  afterQuietMs: number;
  lags: readonly number[];
  hostMs: number;
  operations: number;
}

/** One choice after a quiet time, then all others, evenly and whether or not the earlier ones have arrived. */
async function play(
  system: OptOutSystem,
  side: Side,
  [first = 0, ...others]: readonly number[],
  say: (line: string) => void,
): Promise<Played> {
  const [afterQuietMs = Number.NaN] = await arrivals(system, side, new Map([[first, await system.act(side, first)]]));
  const before = {
    hostMs: processorMs(system.host.pid),
    at: performance.now(),
    operations: await operationsOf(system),
  };
  const acted = new Map<number, number>();
  const acts: Promise<void>[] = [];
  const startedAt = performance.now();
  let latest = 0;
  const watching = watch(system, side, others);
  for (const [turn, number] of others.entries()) {
    const waitMs = startedAt + (turn * 1_000) / changesPerSecond - performance.now();
    latest = Math.max(latest, -waitMs);
    if (waitMs > 0) await sleep(waitMs);
    acts.push(system.act(side, number).then((at) => void acted.set(number, at)));
  }
  await Promise.all(acts);
  watching.abort();
  if (latest > 500) say(`people fell behind by up to ${Math.round(latest)} ms`);
  const lags = await arrivals(system, side, acted);
  const hostMs = processorMs(system.host.pid) - before.hostMs;
  const operations = (await operationsOf(system)) - before.operations;
  say(`the host had ${((100 * hostMs) / (performance.now() - before.at)).toFixed(0)} % of a core`);
  return { afterQuietMs, lags, hostMs: hostMs / lags.length, operations: operations / lags.length };
}

async function operationsOf({ look }: OptOutSystem): Promise<number> {
  return ((await look("tables", "requests?limit=0")) as { total: number }).total;
}

/** The request log of a simulator holds the last thousand only: it is looked into while people act. */
function watch(system: OptOutSystem, side: Side, numbers: readonly number[]): AbortController {
  const ending = new AbortController();
  const look = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      if (side === "campaign") await system.written(side, numbers);
      await sleep(1_000);
    }
  };
  void look();
  return ending;
}

/** How long after each act the other side was written, in ms, the shortest first. */
async function arrivals(system: OptOutSystem, side: Side, acted: ReadonlyMap<number, number>): Promise<number[]> {
  const numbers = [...acted.keys()];
  const until = Date.now() + 180_000;
  for (;;) {
    const written = await system.written(side, numbers);
    if (written.size === numbers.length)
      return [...written]
        .map(([number, at]) => at - (acted.get(number) ?? Number.NaN))
        .sort((one, other) => one - other);
    if (Date.now() > until) throw new Error(`${numbers.length - written.size} opt-outs did not arrive`);
    await sleep(250);
  }
}

function toResults(side: Side, during: During, { afterQuietMs, lags: sorted, hostMs, operations }: Played): Result[] {
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  const what = `${part} ${nameOf[side]} ${during}`;
  const ms = (name: string, value: number, goal: number | null = null): Result => ({
    name: `${what}, ${name}`,
    value,
    unit: "ms",
    goal,
    better: "lower",
  });
  const poll = pollMs[side];
  const cost = [
    ms("the host's processor time for one", hostMs),
    { ...ms("operations of Table Storage for one", operations), unit: "operations" },
  ];
  if (side === "edit") return [ms("p50", at(0.5)), ms("p99", at(0.99)), ...cost];
  return [
    ms("p50", at(0.5)),
    ms(`p99 beyond the interval of ${poll} ms`, at(0.99) - poll, goalMs),
    ms(`slowest of ${sorted.length}`, at(1)),
    ms("one alone, first after quiet", afterQuietMs),
    { ...ms("p99, times faster than a daily file", rivalMs / at(0.99)), unit: "ratio", better: "higher" },
    ...(during === "idle" ? cost : []),
  ];
}
