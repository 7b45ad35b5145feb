// A first load against what Campaign's latency and the lanes allow at best: calls × latency / lanes.

import { contactId } from "../../infra/local/scenarios/contacts.js";
import type { RecordId } from "../../shared/model/ids.js";
import { laneOf } from "../../shared/model/lane.js";
import type { Bench, BenchOptions, Result } from "../bench.js";
import { processorMs } from "../measure.js";
import { type System, withSystem } from "./system.js";

const part = "load";
const latencyMs = 50;

/** 4,000 contacts, 40,000 in full: 50 and 500 seconds at best with 4 lanes. */
export const load: Bench = {
  name: part,
  async run(options) {
    const results: Result[] = [];
    for (const lanes of [4, 8, 16]) results.push(...(await loadWith(lanes, options)));
    return results;
  },
};

async function loadWith(lanes: number, { full, say }: BenchOptions): Promise<Result[]> {
  // Fewer would spread unevenly: four lanes that happen to differ by a tenth cannot reach nine tenths of the optimum.
  const contacts = full ? 40_000 : 4_000;
  const what = `${part} with ${lanes} lanes`;
  say(`${contacts} contacts with ${lanes} lanes`);
  const { calls, ms, hostMs } = await withSystem({ contacts, settings: { LANES: String(lanes) } }, async (system) => {
    await system.observer.slow("campaign", latencyMs);
    const host = await system.startHost({ webhook: false });
    const hostMsBefore = processorMs(host.pid);
    await system.profilesReach(1, 60_000);
    const startedAt = await firstRequestAt(system);
    await system.profilesReach(contacts, full ? 7_200_000 : 600_000);
    const endedAt = Date.now();
    const hostMs = processorMs(host.pid) - hostMsBefore;
    return { calls: (await system.observer.takeCalls()).total, ms: endedAt - startedAt, hostMs };
  });
  const bestMs = (calls * latencyMs) / lanes;
  return [
    {
      name: `${what} against the optimum`,
      value: bestMs / ms,
      unit: "ratio",
      goal: lanes === 4 ? 0.9 : null,
      better: "higher",
    },
    {
      name: `${what}, at ${latencyMs} ms latency`,
      value: (1000 * contacts) / ms,
      unit: "contacts/s",
      goal: null,
      better: "higher",
    },
    {
      name: `${what}, a lane's time for one call beyond Campaign's`,
      value: (ms * lanes) / calls - latencyMs,
      unit: "ms",
      goal: null,
      better: "lower",
    },
    {
      name: `${what}, the host's processor time a contact`,
      value: hostMs / contacts,
      unit: "ms",
      goal: null,
      better: "lower",
    },
    { name: `${what}, Campaign calls a contact`, value: calls / contacts, unit: "calls", goal: null, better: "lower" },
    {
      name: `${what}, fullest lane against the mean`,
      value: unevenness(contacts, lanes),
      unit: "ratio",
      goal: null,
      better: "lower",
    },
  ];
}

/** When the app first asked Dynamics for anything, epoch ms: the sweep that starts the load. */
async function firstRequestAt({ look }: System): Promise<number> {
  const { requests } = (await look("dataverse", "requests?path=/api/data/&limit=1000")) as {
    requests: { at: string }[];
  };
  const starts = requests.map(({ at }) => Date.parse(at));
  if (starts.length === 0) throw new Error("Dynamics was not asked for anything");
  return Math.min(...starts);
}

/** How much more than its share the fullest lane has: no load can reach more of the optimum than one through this. */
function unevenness(contacts: number, lanes: number): number {
  const held = new Map<string, number>();
  for (let number = 0; number < contacts; number += 1) {
    const lane = laneOf("contact", contactId(number) as RecordId, lanes);
    held.set(lane, (held.get(lane) ?? 0) + 1);
  }
  return (Math.max(...held.values()) * lanes) / contacts;
}
