// What a change costs in Table Storage: requests that reach the tables' stand-in, by kind of change, and by second without any.

import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../infra/local/people.js";
import { contactId, inventContact } from "../../infra/local/scenarios/contacts.js";
import type { Bench, Result } from "../bench.js";
import { type System, withSystem } from "./system.js";

const part = "table-operations";
const sweepMs = 5_000;
const changesPerSecond = 10;

/** Kinds of change, each on contacts of its own; the first numbers are loaded. */
const kinds: readonly [kind: string, play: (system: System, number: number, fresh: number) => Promise<void>][] = [
  ["an insert", ({ editor }, _number, fresh) => editor.create(inventContact(fresh))],
  ["an update", ({ editor }, number) => editor.update(contactId(number), { lastname: "Neuhaus" })],
  ["an edit of nothing mapped", ({ editor }, number) => editor.update(contactId(number), { jobtitle: "Baker" })],
  [
    "an edit to the same value",
    ({ editor }, number) => editor.update(contactId(number), { lastname: inventContact(number).lastname ?? null }),
  ],
  ["a delete", ({ editor }, number) => editor.remove(contactId(number))],
];

/** 50 changes of each kind, 300 in full. */
export const tableOperations: Bench = {
  name: part,
  run({ full, say }) {
    const count = full ? 300 : 50;
    const contacts = kinds.length * count;
    // A sweep rarely enough that changes come by the webhook, and each of them is swept over once.
    return withSystem({ contacts, settings: { SWEEP_SCHEDULE: "*/5 * * * * *" } }, async (system) => {
      const operations: Operations = (since) => counted(system, since);
      const results: Result[] = [];

      const beforeLoad = await operations();
      const loadStartedAt = performance.now();
      await system.startHost();
      await system.profilesReach(contacts, 300_000);
      await system.calm(sweepMs);
      const ofLoad = await operations(beforeLoad);
      const loadMs = performance.now() - loadStartedAt;

      say("counting what happens without changes");
      const idle = await during(operations, () => sleep(3 * sweepMs));
      results.push(result("without changes, a second", (1_000 * idle.count.total) / idle.ms, "operations/s"));
      results.push(result("a contact loaded", (ofLoad.total - (idle.count.total * loadMs) / idle.ms) / contacts));

      for (const [index, [kind, play]] of kinds.entries()) {
        say(`${count} times ${kind}`);
        const spent = await during(operations, async () => {
          const calls = callsOf[index] ?? 0;
          const before = await campaignCalls(system);
          for (let turn = 0; turn < count; turn += 1) {
            await play(system, index * count + turn, contacts + turn);
            await sleep(1_000 / changesPerSecond);
          }
          await eventually(
            `${count} times ${kind} in Campaign`,
            async () => ((await campaignCalls(system)) - before >= calls * count ? true : undefined),
            { withinMs: 120_000, everyMs: 100 },
          );
          // The sweep meets the change as well, and that belongs to its price.
          await sleep(2.5 * sweepMs);
        });
        const net = (spent.count.total - (idle.count.total * spent.ms) / idle.ms) / count;
        const written = (spent.count.writes - (idle.count.writes * spent.ms) / idle.ms) / count;
        results.push(result(kind, net), result(`${kind}, writes alone`, written));
      }
      return results;
    });
  },
};

/** Campaign calls by which one knows that a kind has arrived; none for edits that change nothing. */
const callsOf = [1, 1, 0, 0, 1];

interface Count {
  total: number;
  writes: number;
}

type Operations = (since?: Count) => Promise<Count>;

/** Requests to the product's tables; those of the host's own timers are not ours. */
async function counted({ look }: System, since: Count = { total: 0, writes: 0 }): Promise<Count> {
  const { counts } = (await look("tables", "requests?limit=0")) as { counts: Record<string, { count: number }> };
  const ours = Object.entries(counts).filter(([key]) => !key.includes("functionshost"));
  const sum = (entries: typeof ours): number => entries.reduce((total, [, { count }]) => total + count, 0);
  const writes = ours.filter(([key]) => !key.startsWith("GET "));
  return { total: sum(ours) - since.total, writes: sum(writes) - since.writes };
}

async function during(operations: Operations, work: () => Promise<unknown>): Promise<{ count: Count; ms: number }> {
  const before = await operations();
  const startedAt = performance.now();
  await work();
  return { count: await operations(before), ms: performance.now() - startedAt };
}

async function campaignCalls({ look }: System): Promise<number> {
  return ((await look("campaign", "state/calls")) as { total: number }).total;
}

function result(name: string, value: number, unit = "operations"): Result {
  return { name: `${part} ${name}`, value, unit, goal: null, better: "lower" };
}
