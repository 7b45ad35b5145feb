// The main job, played on a running runtime: contacts that are in Dynamics already are loaded, then people create, edit and delete some.
// What it measures goes into a report; how it is shown is run.ts, who judges is oracle.ts.

import { compareSystems } from "./oracle.js";
import { type CallCounts, type Editor, eventually, type Observer } from "./people.js";
import { percentiles, type Report, range } from "./report.js";
import { contactId, inventContact } from "./scenarios/contacts.js";
import type { State } from "./state.js";

/**
 * Kinds of change whose Campaign calls are counted. `unchanged`: an edit of a column that no mapping reads, which only the sweep
 * sees, or one that writes the same value again, which rings the webhook.
 */
export type ChangeKind = "load" | "create" | "update" | "unchanged" | "delete";

/** Who plays and who is told. `say` prints one line. */
export interface Stage {
  observer: Observer;
  editor: Editor;
  state: State;
  say: (line: string) => void;
  progress: (line: string) => void;
}

const liveEdits = 20;
const liveDeletes = 10;

/** Waits for the first load of `contacts` contacts, showing where it is, then plays the live edits and judges. */
export async function playMainJob(stage: Stage, contacts: number): Promise<Report<ChangeKind>> {
  const { observer, editor, say } = stage;
  const started = Date.now();
  await firstLoad(stage, contacts);
  const loadSeconds = (Date.now() - started) / 1000;
  const calls: Partial<Report<ChangeKind>["campaignCalls"]> = {};
  calls.load = { changes: contacts, calls: (await observer.takeCalls()).total };
  say(`first load: ${contacts} contacts in ${loadSeconds.toFixed(1)} s, ${calls.load.calls} Campaign calls`);

  const latencies: number[] = [];
  const played = async (
    kind: ChangeKind,
    ids: readonly string[],
    play: (id: string) => Promise<number | undefined>,
  ) => {
    for (const id of ids) {
      const ms = await play(id);
      if (ms !== undefined) latencies.push(ms);
      say(
        `  ${kind.padEnd(9)} ${id}  ${ms === undefined ? "dealt with, nothing to write" : `in Campaign after ${ms} ms`}`,
      );
    }
    const counted: CallCounts = await observer.takeCalls();
    calls[kind] = { changes: ids.length, calls: counted.total };
  };

  say("live changes:");
  const fresh = range(contacts, contacts + liveEdits);
  await played("create", fresh.map(contactId), (id) =>
    arrives(stage, id, () => editor.create(inventContact(fresh.find((number) => contactId(number) === id) ?? 0))),
  );
  await played("update", range(0, liveEdits).map(contactId), (id) =>
    arrives(stage, id, () => editor.update(id, { lastname: "Neuhaus", address1_city: "Neustadt" })),
  );
  const same = range(liveEdits, 2 * liveEdits);
  for (const number of same) {
    const { lastname = null } = inventContact(number);
    await editor.update(contactId(number), number % 2 === 0 ? { jobtitle: "Baker" } : { lastname });
  }
  await played("unchanged", same.map(contactId), async (id) => {
    await dealtWith(stage, id);
    return undefined;
  });
  await played("delete", range(2 * liveEdits, 2 * liveEdits + liveDeletes).map(contactId), (id) =>
    arrives(stage, id, () => editor.remove(id)),
  );
  return {
    ...(await judge(stage)),
    campaignCalls: calls as Report<ChangeKind>["campaignCalls"],
    latencyMs: percentiles(latencies),
    loadSeconds,
  };
}

/** Compares the systems as they are now. */
export async function judge({
  observer,
  state,
}: Stage): Promise<Pick<Report, "agree" | "records" | "differences" | "failures">> {
  const contacts = await observer.contacts();
  const differences = compareSystems(contacts, await observer.profiles());
  let failures = 0;
  for await (const _failure of state.failures.list("open")) failures += 1;
  return { agree: differences.length === 0, records: contacts.length, differences, failures };
}

/** Waits until `contacts` contacts are loaded, showing where it is. */
export async function firstLoad({ observer, state, progress }: Stage, contacts: number): Promise<void> {
  await eventually(
    "the first load",
    async () => {
      const load = (await state.checkpoints.read("ingress", "contact-load").catch(() => undefined))?.values;
      const profiles = await observer.profileCount();
      progress(`  first load: ${load?.count ?? 0} of ${contacts} contacts read, ${profiles} profiles in Campaign`);
      return load?.phase === "done" && profiles >= contacts ? true : undefined;
    },
    { withinMs: 600_000, everyMs: 500 },
  );
}

/** Plays an edit and answers after how many ms Campaign stored what came of it. */
async function arrives({ observer }: Stage, id: string, edit: () => Promise<void>): Promise<number> {
  const before = (await observer.writes(id)).length;
  const edited = Date.now();
  await edit();
  const write = await eventually(`the change of ${id} in Campaign`, async () => (await observer.writes(id))[before]);
  return Date.parse(write.at) - edited;
}

/** Waits until the app has dealt with the row's newest version. */
async function dealtWith({ editor, state }: Stage, id: string): Promise<void> {
  const version = await editor.version(id);
  await eventually(`version ${version} of ${id} to be dealt with`, async () => {
    const stored = await state.states.read("contact", id as Parameters<typeof state.states.read>[1]);
    return stored?.state.version === version ? true : undefined;
  });
}
