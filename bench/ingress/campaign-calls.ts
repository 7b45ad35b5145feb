// Engine calls that Campaign counts for one change of each kind: through the whole product with the key in the URI, and through the
// flows alone with either way of addressing (test/support/ingress-world.ts), where the mapping can be another one.

import { setTimeout as sleep } from "node:timers/promises";
import { contactId, inventContact } from "../../infra/local/scenarios/contacts.js";
import contactToProfile from "../../shared/mapping/contact-to-profile.json" with { type: "json" };
import type { Envelope } from "../../shared/model/envelope.js";
import type { Row } from "../../shared/model/row.js";
import { type IngressWorld, makeIngressWorld } from "../../test/support/ingress-world.js";
import { compiled } from "../../test/support/mappings.js";
import { anEnvelope, recordId } from "../../test/support/samples.js";
import type { Bench, BenchOptions, Result } from "../bench.js";
import { type System, withSystem } from "./system.js";

const part = "campaign-calls";

/** Some tens of changes of each kind, some hundreds in full. */
export const campaignCalls: Bench = {
  name: part,
  async run(options) {
    const flows: Result[] = [];
    flows.push(...(await inFlows("key in the URI", { by: "uri" }, [1, 1, 0, 1])));
    const byFilter = { by: "filter", filter: "ExternalId", parameter: "externalId" };
    flows.push(...(await inFlows("key through a filter", byFilter, [1, 2, 0, 2])));
    return [...flows, ...(await inProduct(options))];
  },
};

const kinds = ["an insert", "an update", "an unchanged record", "a delete"] as const;

async function inFlows(addressing: string, address: object, goals: readonly number[]): Promise<Result[]> {
  const count = 20;
  const document = { ...contactToProfile, key: { ...contactToProfile.key, address } };
  const world = await makeIngressWorld({ mapping: compiled(document) });
  const spent: number[] = [];
  for (const [kind] of kinds.entries()) {
    const before = world.campaignCalls();
    for (let number = 1; number <= count; number += 1) await playInFlows(world, kind, number);
    spent.push((world.campaignCalls() - before) / count);
  }
  return kinds.map((kind, index) => calls(`${kind}, ${addressing}`, spent[index] ?? Number.NaN, goals[index] ?? null));
}

/** One change as a webhook with a post-image brings it. */
async function playInFlows(world: IngressWorld, kind: number, number: number): Promise<void> {
  const id = recordId(number);
  if (kind === 3) {
    world.dynamics.remove(id);
    const { version: _none, ...bare } = anEnvelope({ id, kind: "delete", nonce: `deleted ${number}` });
    await world.queue.send([bare as Envelope]);
  } else {
    const mapping = world.mapping("contact");
    const changed = kind === 0 ? {} : { lastname: "Neuhaus" };
    const row: Row = { ...inventContact(number), contactid: id, ...changed };
    const version = world.dynamics.put(id, row);
    const whole = Object.fromEntries(mapping.cells.map((cell) => [cell, row[cell] ?? null]));
    await world.queue.send([anEnvelope({ id, version, row: whole, columns: mapping.columnSet })]);
  }
  await world.drain();
}

/** The real thing: someone edits over Dynamics' API, the webhook rings, the sweep comes every second. */
async function inProduct({ full, say }: BenchOptions): Promise<Result[]> {
  const count = full ? 200 : 20;
  const bursts = [2, 5, 10, 20];
  return withSystem({ contacts: (3 + bursts.length) * count }, async (system) => {
    await system.startHost();
    await system.profilesReach((3 + bursts.length) * count, 300_000);
    await system.calm();
    await system.observer.takeCalls();
    const { editor } = system;
    const numbersOf = (index: number): number[] => Array.from({ length: count }, (_, offset) => index * count + offset);

    const results: Result[] = [];
    const played = async (kind: string, goal: number, numbers: number[], edit: (number: number) => Promise<void>) => {
      say(kind);
      for (const number of numbers) await edit(number);
      await system.calm();
      const { total, kinds } = await system.observer.takeCalls();
      for (const [name, counted] of Object.entries(kinds)) say(`  ${counted.calls} × ${name}`);
      results.push(calls(kind, total / numbers.length, goal));
    };
    const fresh = numbersOf(3 + bursts.length);
    await played("an insert, whole product", 1, fresh, (number) => editor.create(inventContact(number)));
    await played("an update, whole product", 1, numbersOf(0), (number) =>
      editor.update(contactId(number), { lastname: "Neuhaus" }),
    );
    await played("an edit of nothing mapped, whole product", 0, numbersOf(1), (number) =>
      editor.update(contactId(number), { jobtitle: "Baker" }),
    );
    await played("an edit to the same value, whole product", 0, numbersOf(1), (number) =>
      editor.update(contactId(number), { lastname: inventContact(number).lastname ?? null }),
    );
    await played("a delete, whole product", 1, numbersOf(2), (number) => editor.remove(contactId(number)));
    for (const [index, edits] of bursts.entries()) {
      let longestMs = 0;
      await played(`${edits} edits of one record within a second`, 2, numbersOf(3 + index), async (number) => {
        longestMs = Math.max(longestMs, await burst(system, number, edits));
      });
      if (longestMs > 1_000) say(`the editor took up to ${Math.round(longestMs)} ms for them: more than a second`);
    }
    return results;
  });
}

/** So many edits of one record over eight tenths of a second, each another value; answers how long it took. */
async function burst({ editor }: System, number: number, edits: number): Promise<number> {
  const startedAt = performance.now();
  for (let edit = 0; edit < edits; edit += 1) {
    const waitMs = startedAt + (edit * 800) / edits - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    await editor.update(contactId(number), { lastname: `Neuhaus ${edit}` });
  }
  return performance.now() - startedAt;
}

function calls(kind: string, value: number, goal: number | null): Result {
  return { name: `${part} ${kind}`, value, unit: "calls", goal, better: "lower" };
}
