// Engine calls that Campaign counts for opt-outs: of one that changed, of one that did not, and of an hour in which nothing happens; beside a script that
// reads every profile each minute.

import { setTimeout as sleep } from "node:timers/promises";
import { mapped } from "../../infra/local/opt-outs-job.js";
import { contactId } from "../../infra/local/scenarios/contacts.js";
import type { Bench, Result } from "../bench.js";
import { type OptOutSystem, replayed, type Side, splitCalls, withOptOutSystem } from "./opt-out-system.js";
import { readAllOptOuts } from "./read-all.js";

const part = "optout-calls";
/** Asked more often than in production, so that many looks fit into a bench: what is counted is calls of one look. */
const everyS = 5;
const looksAnHour = 60;

/** Twenty choices of each kind, a hundred in full. */
export const calls: Bench = {
  name: part,
  run({ full, say }) {
    const count = full ? 100 : 20;
    const contacts = full ? 20_000 : 2_500;
    return withOptOutSystem({ contacts, settings: { OPTOUT_SCHEDULE: `*/${everyS} * * * * *` } }, async (system) => {
      const results: Result[] = [];
      for (const [index, side] of (["campaign", "dynamics"] as const).entries()) {
        say(`${count} opt-outs in ${side}`);
        const numbers = Array.from({ length: count }, (_, offset) => index * count + offset);
        results.push(...(await changed(system, side, numbers, say)));
      }
      say("contacts and profiles that are edited otherwise");
      results.push(...(await unchanged(system, count, 2 * count, contacts)));
      say("a minute in which nothing happens");
      const idle = await idleHour(system);
      results.push(per("an hour without changes", idle));
      results.push(...(await againstScript(system, contacts, idle)));
      return results;
    });
  },
};

async function changed(
  system: OptOutSystem,
  side: Side,
  numbers: readonly number[],
  say: (line: string) => void,
): Promise<Result[]> {
  await system.observer.takeCalls();
  for (const number of numbers) await system.act(side, number);
  while ((await system.written(side, numbers)).size < numbers.length) await sleep(250);
  await sleep(3_000);
  const { looks, others, names } = splitCalls(await system.observer.takeCalls());
  for (const name of names) say(`  ${name}`);
  return [
    per(`an opt-out in ${side}, looks apart`, others / numbers.length),
    per(`an opt-out in ${side}, looks of that time`, looks / numbers.length),
  ];
}

async function unchanged(
  { observer, editor, operator, ...system }: OptOutSystem,
  count: number,
  first: number,
  contacts: number,
): Promise<Result[]> {
  const numbers = Array.from({ length: count }, (_, offset) => first + offset);
  await observer.takeCalls();
  for (const number of numbers) await editor.update(contactId(number), { jobtitle: "Baker" });
  await sleep(8_000);
  const inDynamics = splitCalls(await observer.takeCalls()).others / count;
  for (const number of numbers) {
    const edit = { resource: "profile", key: contactId(number), values: { mobilePhone: "5550100" } };
    await observer.command("campaign", "edit", edit);
  }
  await sleep(3 * everyS * 1_000);
  const inCampaign = splitCalls(await observer.takeCalls()).others / count;
  await operator.replay("contact", "changed");
  await sleep(3_000);
  await replayed({ observer, editor, ...system }, "changed");
  await sleep(3_000);
  const inReplay = splitCalls(await observer.takeCalls()).others / contacts;
  return [
    per("a contact edited otherwise in Dynamics", inDynamics, 0),
    per("a profile edited otherwise in Campaign, looks apart", inCampaign, 0),
    per("a contact that a replay finds unchanged", inReplay, 0),
  ];
}

/** Calls of an hour, from those of some looks. */
async function idleHour({ observer }: OptOutSystem): Promise<number> {
  await sleep(6 * everyS * 1_000);
  await observer.takeCalls();
  const looks = 12;
  await sleep(looks * everyS * 1_000);
  return ((await observer.takeCalls()).total / looks) * looksAnHour;
}

/** The script and we see the same opt-outs, or nothing is compared. */
async function againstScript({ observer, runtime }: OptOutSystem, contacts: number, ours: number): Promise<Result[]> {
  await observer.takeCalls();
  const seen = await readAllOptOuts(runtime.settings);
  const theirs = (await observer.takeCalls()).total * looksAnHour;
  const out = (await observer.profiles()).filter((profile) =>
    Object.values(mapped).some(({ field }) => profile[field] === true),
  );
  if (seen !== out.length) throw new Error(`the script saw ${seen} opt-outs of ${out.length}: nothing can be compared`);
  return [
    per(`an hour of a script that reads all ${contacts} profiles each minute, 1,000 a page`, theirs),
    { name: `${part} times fewer than that script`, value: theirs / ours, unit: "ratio", goal: null, better: "higher" },
  ];
}

function per(what: string, value: number, goal: number | null = null): Result {
  return { name: `${part} ${what}`, value, unit: "calls", goal, better: "lower" };
}
