// Which alarms what was seen is worth. Pure. What stands still is found by what does not move from look to look while it should: a trigger that hangs
// throws nothing and says nothing (facts/field.md, B27).

import type { Alarm } from "./alarms.js";
import type { Seen, SeenQueue, SeenTable, SeenWorkflow } from "./measure.js";
import type { MonitorLimits } from "./monitor-ports.js";
import { type Memory, makeStillness, type Stillness } from "./stillness.js";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** The only queues whose messages a stopped workflow or a closed gate holds back. */
const lanesQueues: ReadonlySet<string> = new Set(["changes", "changes-dry"]);

/** What every judgement rests on. */
interface Case {
  seen: Seen;
  limits: MonitorLimits;
  quietMs: number;
  still: Stillness["still"];
  /** No gate holds anything back. */
  isOpen: boolean;
  ingress: SeenWorkflow | undefined;
}

/** Judges what was seen; `memory` is what the judgement before left. */
export function judge(seen: Seen, memory: Memory, limits: MonitorLimits): { alarms: Alarm[]; memory: Memory } {
  const stillness = makeStillness(memory, seen.now);
  const about: Case = {
    ...{ seen, limits, still: stillness.still },
    quietMs: limits.quietMinutes * minuteMs,
    isOpen: seen.closedGates.length === 0,
    ingress: seen.workflows.find(({ name }) => name === "ingress"),
  };
  const queues = seen.queues.flatMap((sight) => ofQueue(about, stillness, sight));
  const flows = seen.workflows.flatMap((workflow) => ofWorkflow(about, workflow));
  const isFlowQuiet = flows.some(({ code, about: flow }) => code === "no-success" && flow === "ingress");
  const tables = seen.tables.flatMap((table) => ofTable(about, table, isFlowQuiet));
  const alarms = [...queues, ...flows, ...tables, ...ofGates(about), ...ofFailures(about)];
  return { alarms, memory: stillness.memory() };
}

function ofQueue(
  { seen, limits, quietMs, still, isOpen, ingress }: Case,
  stillness: Stillness,
  sight: SeenQueue,
): Alarm[] {
  const { queue } = sight;
  const lanes = `queue/${queue}/`;
  if ("problem" in sight) {
    stillness.keep(`queue/${queue}`);
    return [alarm("not-measured", queue, sight.problem)];
  }
  const heads = [...sight.heads];
  const isOfLanes = lanesQueues.has(queue);
  const isWorked = !isOfLanes || (isOpen && ingress?.drains === true);
  const stuck = heads.filter(([lane, { position }]) => still(`${lanes}${lane}`, position, isWorked) >= quietMs);
  // What was first in its lane and is not any more was completed; what came and went between two looks the lanes have counted.
  const hasWorked = stillness.hasMoved(lanes) || (isOfLanes && Object.keys(seen.tallies.lag).length > 0);
  const isStalled = still(`queue/${queue}`, "", isWorked && heads.length > 0 && !hasWorked) >= quietMs;
  if (isStalled) {
    const message = `${sight.waiting} messages wait, and none was completed for ${spoken(quietMs)}`;
    return [alarm("queue-stalled", queue, message)];
  }
  const oldestMs = seen.now - Math.min(...heads.map(([, { at }]) => at));
  const said = `messages wait, and none was completed for ${spoken(quietMs)}; other lanes work`;
  return [
    ...stuck.map(([lane]) => alarm("lane-stalled", lane, `${lane}: ${said}`)),
    ...when(isWorked && oldestMs >= limits.oldestMinutes * minuteMs, () =>
      alarm(
        "oldest-message",
        queue,
        `of ${sight.waiting} messages waiting, the oldest has waited for ${spoken(oldestMs)}`,
      ),
    ),
  ];
}

function ofWorkflow({ seen, limits, quietMs, still, isOpen }: Case, workflow: SeenWorkflow): Alarm[] {
  const { name, isOn, isStopped, moved, at, stoppedSince = seen.now } = workflow;
  const isQuiet = still(`flow/${name}`, moved, isOn && !isStopped && isOpen) >= quietMs;
  const last = at === undefined ? "there never was one" : `the last was ${spoken(seen.now - at)} ago`;
  const stoppedMs = seen.now - stoppedSince;
  return [
    ...when(isQuiet, () => alarm("no-success", name, `no run of ${name} was successful; ${last}`)),
    ...when(isOn && stoppedMs >= limits.stoppedHours * hourMs, () =>
      alarm("stopped-long", name, `${name} has been stopped for ${spoken(stoppedMs)}`),
    ),
  ];
}

function ofTable(
  { seen, limits, quietMs, still, isOpen, ingress }: Case,
  { table, parked, lookedAt }: SeenTable,
  isFlowQuiet: boolean,
): Alarm[] {
  const isDue = ingress?.isStopped === false && isOpen && !parked;
  const isOld = still(`table/${table}`, String(lookedAt), isDue) >= quietMs && !isFlowQuiet;
  const tokenMs = seen.now - (lookedAt ?? seen.now);
  const parkedMs = parked === undefined ? 0 : seen.now - Date.parse(parked.since);
  // What an operator wrote is not ours to log.
  const why = parked?.by === "product" ? `: ${parked.reason}` : " by an operator";
  return [
    ...when(isOld, () =>
      alarm("checkpoint-old", table, `changes of ${table} have not been read for ${spoken(quietMs)}`),
    ),
    ...when(tokenMs >= limits.tokenDays * dayMs, () =>
      alarm("token-ages", table, `the change tracking token of ${table} is ${spoken(tokenMs)} old`),
    ),
    ...when(parkedMs >= limits.stoppedHours * hourMs, () =>
      alarm("parked-long", table, `${table} has been set aside for ${spoken(parkedMs)}${why}`),
    ),
  ];
}

function ofGates({ seen, quietMs }: Case): Alarm[] {
  return seen.closedGates
    .filter(({ since }) => seen.now - since >= quietMs)
    .map(({ peer, since, reason }) =>
      alarm("gate-closed", peer, `calls to ${peer} have been held back for ${spoken(seen.now - since)}: ${reason}`),
    );
}

function ofFailures({ seen: { openFailures }, limits }: Case): Alarm[] {
  return when(openFailures >= limits.openFailures, () =>
    alarm("many-failures", undefined, `${openFailures} failures or more are open`),
  );
}

function when(is: boolean, make: () => Alarm): Alarm[] {
  return is ? [make()] : [];
}

function alarm(code: Alarm["code"], about: string | undefined, message: string): Alarm {
  return { code, ...(about !== undefined && { about }), message };
}

/** A time for people, in its largest fitting unit. */
function spoken(ms: number): string {
  const [size, unit] = units.find(([size]) => ms >= 2 * size) ?? [1_000, "seconds"];
  return `${Math.floor(ms / size)} ${unit}`;
}

const units: readonly (readonly [number, string])[] = [
  [dayMs, "days"],
  [hourMs, "hours"],
  [minuteMs, "minutes"],
];
