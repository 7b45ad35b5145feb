// From an edit in Dynamics to the profile in Campaign, at 20 changes a second: with nothing else to do, and while a load runs.

import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../infra/local/people.js";
import { contactId, inventContact } from "../../infra/local/scenarios/contacts.js";
import type { Bench, Result } from "../bench.js";
import { type System, withSystem } from "./system.js";

const part = "latency";
const campaignMs = 50;
/** Campaign's simulator stores half-way through its latency (infra/local/sim/README.md): so much is not ours. */
const simulatedMs = campaignMs / 2;
const changesPerSecond = 20;
/** A contact is created, and updated so much later, when its creation is long done with. */
const updateAfterS = 5;

interface Change {
  id: string;
  kind: "create" | "update";
  /** Before the edit was sent to Dynamics, epoch ms. */
  at: number;
}

/** 40 seconds of changes with and 40 without a load beside them, 300 in full. */
export const latency: Bench = {
  name: part,
  async run({ full, say }) {
    const seconds = full ? 300 : 40;
    const results: Result[] = [];
    for (const during of ["idle", "during a load"] as const) {
      // More than the load can get done meanwhile: 80 writes a second is all that 4 lanes allow at 50 ms.
      const contacts = during === "idle" ? 50 : 80 * (seconds + 30);
      const lags = await withSystem({ contacts, settings: { LANES: "4" } }, async (system) => {
        await system.observer.slow("campaign", campaignMs);
        await system.startHost();
        if (during === "idle") {
          await system.profilesReach(contacts, 120_000);
          await system.calm();
        } else await system.profilesReach(100, 120_000);
        say(`${seconds} s of changes, ${during}`);
        const changes = await edit(system, contacts, seconds, say);
        const late = await system.observer.profileCount();
        if (during !== "idle" && late >= contacts)
          say("the load ended before the changes did: these numbers are too good");
        return arrivals(system, changes);
      });
      results.push(...toResults(during, lags));
    }
    return results;
  },
};

/** Creates and updates in turn, evenly over the time and whether or not the earlier ones have arrived. */
async function edit(
  { editor }: System,
  firstNumber: number,
  seconds: number,
  say: (line: string) => void,
): Promise<Change[]> {
  const everyMs = 1_000 / changesPerSecond;
  const behind = (updateAfterS * changesPerSecond) / 2;
  const changes: Change[] = [];
  const edits: Promise<void>[] = [];
  const startedAt = performance.now();
  let latest = 0;
  const warmUp = updateAfterS * changesPerSecond;
  for (let turn = 0; turn < seconds * changesPerSecond + warmUp; turn += 1) {
    const waitMs = startedAt + turn * everyMs - performance.now();
    latest = Math.max(latest, -waitMs);
    if (waitMs > 0) await sleep(waitMs);
    const pair = Math.floor(turn / 2);
    const isUpdate = turn % 2 === 1;
    if (isUpdate && pair < behind) continue;
    const id = contactId(firstNumber + (isUpdate ? pair - behind : pair));
    const at = Date.now();
    edits.push(
      isUpdate ? editor.update(id, { lastname: `Neuhaus ${turn}` }) : editor.create(inventContact(firstNumber + pair)),
    );
    // The first seconds hold creates only.
    if (turn >= warmUp) changes.push({ id, kind: isUpdate ? "update" : "create", at });
  }
  await Promise.all(edits);
  if (latest > 500) say(`the editor fell behind by up to ${Math.round(latest)} ms`);
  return changes;
}

/** How long after its edit each change was in Campaign, in ms beyond the simulated latency. */
async function arrivals({ observer }: System, changes: readonly Change[]): Promise<number[]> {
  const lags: number[] = [];
  for (const { id, kind, at } of changes) {
    const write = await eventually(
      `the ${kind} of ${id} in Campaign`,
      async () => (await observer.writes(id)).find((one) => Date.parse(one.at) >= at),
      { withinMs: 120_000, everyMs: 200 },
    );
    lags.push(Date.parse(write.at) - at - simulatedMs);
  }
  return lags.sort((one, other) => one - other);
}

function toResults(during: string, sorted: readonly number[]): Result[] {
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  const what = `${part} ${during}, ${changesPerSecond} changes/s`;
  return [
    { name: `${what}, p50`, value: at(0.5), unit: "ms", goal: null, better: "lower" },
    { name: `${what}, p99`, value: at(0.99), unit: "ms", goal: 1_000, better: "lower" },
    { name: `${what}, slowest of ${sorted.length}`, value: at(1), unit: "ms", goal: null, better: "lower" },
  ];
}
