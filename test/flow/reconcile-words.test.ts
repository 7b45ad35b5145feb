import { beforeEach, describe, expect, it } from "vitest";
import { type ReconcilePace, reconcileSlice } from "../../shared/flows/reconcile-opt-outs.js";
import { orderReconciliation } from "../../shared/flows/reconcile-order.js";
import { planOf } from "../../shared/flows/reconcile-plan.js";
import {
  cancelWords,
  orderWords,
  readWords,
  type Words,
  type WordsOrder,
  type WordsPace,
  wordsSlice,
} from "../../shared/flows/reconcile-words.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import type { Envelope } from "../../shared/model/envelope.js";
import type { Row } from "../../shared/model/row.js";
import { type IngressWorld, Killed, makeIngressWorld } from "../support/ingress-world.js";
import { aMappingDocument, compiled } from "../support/mappings.js";
import { recordId } from "../support/samples.js";

const minute = 60_000;
const reading: ReconcilePace = { pageSize: 10, rowPage: 10, retryMs: minute };
const pace: WordsPace = { maxDepth: 100, pollMs: 50, retryMs: minute };

let world: IngressWorld;

beforeEach(() => start("toDynamics"));

async function start(direction: string): Promise<void> {
  world = await makeIngressWorld({ mapping: mappingOf(direction) });
}

function mappingOf(direction: string): CompiledMapping {
  const attributes = { email: "donotemail", fax: "donotfax", push: "donotpush" };
  const columns = {
    contactid: "id",
    lastname: "string",
    donotemail: "boolean",
    donotfax: "boolean",
    donotpush: "boolean",
  };
  return compiled(aMappingDocument(undefined, { columns, optOuts: { direction, attributes } }));
}

/** Contact `n` in both systems, our own; what it says here and there is from before we looked. */
async function person(n: number, row: Row, values: Record<string, unknown> = {}): Promise<void> {
  const id = recordId(n);
  world.dynamics.put(id, { lastname: "Lee", donotemail: false, donotfax: false, donotpush: false, ...row });
  world.campaignCommand("seed", { resource: "profile", records: [{ externalId: id, lastName: "Lee" }] });
  if (Object.keys(values).length > 0) edit(n, values);
  await world.ports.states.save("contact", id, { settings: 1, epoch: 1, present: true }, undefined);
}

function edit(n: number, values: Record<string, unknown>): void {
  world.clock.advance(1_000);
  world.campaignCommand("edit", { resource: "profile", key: recordId(n), values });
}

/** A list of what differs now. */
async function listed(): Promise<number> {
  const plan = planOf([world.mapping("contact")]);
  if (!plan) throw new Error("the mapping keeps no opt-outs");
  const { number } = await orderReconciliation(world.reconcile, { plan, isDraft: false, by: "operator-1" });
  await reconcileSlice(world.reconcile, reading, world.clock.now() + minute);
  return number;
}

async function say(
  action: WordsOrder["action"],
  run: number,
  attributes: WordsOrder["attributes"] = ["email", "fax"],
): Promise<Words> {
  await orderWords(world.reconcile, { run, action, attributes, by: "operator-2" });
  return work();
}

/** Slices, whoever dies over them, until nothing is left to queue. */
async function work(): Promise<Words> {
  for (let slices = 0; slices < 100; slices += 1) {
    try {
      const slice = await wordsSlice(world.reconcile, pace, world.clock.now());
      if (slice.state === "done") return slice.words;
      if (slice.state === "idle") break;
      world.clock.advance(minute);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      world.restart();
    }
  }
  const words = await readWords(world.ports.checkpoints);
  if (words?.phase !== "done") throw new Error("it never ends");
  return words;
}

/** Handles what is queued; a lane that dies comes back. */
async function drain(): Promise<void> {
  for (;;) {
    try {
      return await world.drain();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      world.restart();
    }
  }
}

/** Envelopes that are sent from now on. */
function sent(): Envelope[] {
  const envelopes: Envelope[] = [];
  const { send } = world.reconcile.queue;
  world.reconcile.queue = {
    ...world.reconcile.queue,
    depths: (limit) => world.ports.queue.depths(limit),
    async send(some) {
      envelopes.push(...some);
      await send(some);
    },
  };
  return envelopes;
}

const row = (n: number): Row | undefined => world.dynamics.rows().get(recordId(n))?.row;
async function decisions(n: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { decision } of world.decisions.list({ record: recordId(n) })) {
    found.push(`${decision.attribute}: ${decision.rule}, ${decision.result}${decision.by ? ` by ${decision.by}` : ""}`);
  }
  return found;
}

describe("an operator's word for what a list of differences asks for", () => {
  it("opts a contact back in, and the decision says whose word it was", async () => {
    await person(1, { donotemail: true });
    await person(2, {});

    const words = await say("confirm", await listed());
    await drain();

    expect(words).toMatchObject({ phase: "done", queued: 1, by: "operator-2" });
    expect(row(1)).toMatchObject({ donotemail: false });
    expect(await decisions(1)).toContain("email: opt-in-confirmed, written by operator-2");
  });

  it("opts a profile back in where the choices of Dynamics count", async () => {
    await start("toCampaign");
    await person(1, {}, { blackListEmail: true });

    await say("confirm", await listed());
    await drain();

    expect(world.profiles()).toMatchObject([{ blackListEmail: false }]);
  });

  it("is said of all of a contact's attributes at once: the first one would make the others' version old", async () => {
    await person(1, { donotemail: true, donotfax: true });

    const envelopes = sent();
    await say("confirm", await listed());
    await drain();

    expect(envelopes.map(({ confirmed }) => Object.keys(confirmed?.at ?? {}))).toEqual([["email", "fax"]]);
    expect(row(1)).toMatchObject({ donotemail: false, donotfax: false });
  });

  it("goes for the attributes that were named, and for no others", async () => {
    await person(1, { donotemail: true, donotfax: true });
    await person(2, { donotfax: true });

    const words = await say("confirm", await listed(), ["email"]);
    await drain();

    expect(words.queued).toBe(1);
    expect([row(1), row(2)]).toMatchObject([{ donotemail: false, donotfax: true }, { donotfax: true }]);
  });

  it.each<[string, () => void]>([
    ["the row changed", () => world.dynamics.put(recordId(1), { lastname: "Low", donotemail: true, donotfax: false })],
    [
      "the profile was opted out and in again",
      () => {
        edit(1, { blackListEmail: true });
        edit(1, { blackListEmail: false });
      },
    ],
  ])(
    "was for something else when, since the list, %s: nobody is opted in, and the next list asks again",
    async (_what, change) => {
      await person(1, { donotemail: true });
      const run = await listed();
      change();

      await say("confirm", run);
      await drain();
      await listed();

      expect(row(1)).toMatchObject({ donotemail: true });
      expect(await decisions(1)).not.toContain("email: opt-in-confirmed, written by operator-2");
      const asked: string[] = [];
      for await (const { difference } of world.reconcile.differences.list(2, {})) {
        asked.push(`${difference.kind} ${difference.confirmed?.by ?? "open"}`);
      }
      expect(asked).toEqual(["needs-word open"]);
    },
  );

  it("given twice is given once: an opt-out made in between stays", async () => {
    await start("toCampaign");
    await person(1, {}, { blackListPushnotification: true });
    const run = await listed();
    await say("confirm", run, ["push"]);
    await drain();
    // Push has no time of its own: nothing but the note in the list tells this opt-out from the one that was listed.
    edit(1, { blackListPushnotification: true });
    world.clock.advance(60 * minute);

    const again = await say("confirm", run, ["push"]);
    await drain();

    expect(again).toMatchObject({ number: 2, queued: 0 });
    expect(world.profiles()).toMatchObject([{ blackListPushnotification: true }]);
  });

  it("holds once, though its message comes twice and push, which has no time, was opted out of in between", async () => {
    await start("toCampaign");
    await person(1, {}, { blackListPushnotification: true });
    const envelopes = sent();
    await say("confirm", await listed(), ["push"]);
    await drain();
    edit(1, { blackListPushnotification: true });
    world.clock.advance(60 * minute);

    await world.ports.queue.send(envelopes.slice(0, 1));
    await drain();

    expect(world.profiles()).toMatchObject([{ blackListPushnotification: true }]);
  });

  it("opts in once whoever dies at whichever call, on the way to the queue or behind it", async () => {
    await person(0, { donotemail: true });
    await say("confirm", await listed());
    await drain();
    world.killAt({ call: Number.POSITIVE_INFINITY, when: "before" });
    await person(1, { donotemail: true });
    const counted = await listed();
    const before = world.calls();
    await say("confirm", counted);
    await drain();
    const calls = world.calls() - before;

    expect(calls).toBeGreaterThan(15);
    for (let call = 1; call <= calls; call += 1) {
      for (const when of ["before", "after"] as const) {
        await start("toDynamics");
        await person(1, { donotemail: true });
        await person(2, { donotemail: true }, { blackListEmail: true });
        const run = await listed();
        await orderWords(world.reconcile, { run, action: "confirm", attributes: ["email"], by: "operator-2" });
        world.killAt({ call, when });
        const words = await work();
        await drain();
        world.restart();

        expect([call, when, words.phase, row(1)?.donotemail]).toEqual([call, when, "done", false]);
        expect([call, when, row(2)?.donotemail]).toEqual([call, when, true]);
        // Written once: the version behind those of the two contacts.
        expect([call, when, world.dynamics.rows().get(recordId(1))?.version]).toEqual([call, when, "1003"]);
        const written = (await decisions(1)).filter((one) => one.includes("opt-in-confirmed"));
        expect(written).toHaveLength(1);
        const states: unknown[] = [];
        for await (const { difference } of world.reconcile.differences.list(run, {}))
          states.push(difference.confirmed?.by);
        expect(states).toEqual(["operator-2"]);
      }
    }
  }, 60_000);

  it("comes in steps of fifty contacts and waits while the queue is full", async () => {
    for (let n = 1; n <= 60; n += 1) await person(n, { donotemail: true, donotfax: n === 50 });
    await orderWords(world.reconcile, {
      run: await listed(),
      action: "confirm",
      attributes: ["email", "fax"],
      by: "operator-2",
    });
    const full = { ...pace, maxDepth: 50 };

    const first = await wordsSlice(world.reconcile, full, world.clock.now());
    const second = await wordsSlice(world.reconcile, full, world.clock.now());
    await drain();
    const third = await wordsSlice(world.reconcile, full, world.clock.now());
    await drain();

    expect(first).toMatchObject({ state: "working", words: { queued: 50 } });
    expect(second).toMatchObject({ state: "waiting", words: { queued: 50, waiting: "the queue is full" } });
    expect(third).toMatchObject({ state: "done", words: { queued: 60 } });
    expect(
      [...world.dynamics.rows().values()].filter(({ row }) => row.donotemail === true || row.donotfax === true),
    ).toEqual([]);
  });

  it("waits while the settings in force mean something else than the list", async () => {
    await person(1, { donotemail: true });
    const run = await listed();
    world.publish([mappingOf("both")]);
    await orderWords(world.reconcile, { run, action: "confirm", attributes: ["email"], by: "operator-2" });

    const held = await wordsSlice(world.reconcile, pace, world.clock.now());
    world.publish([mappingOf("toDynamics")]);
    const words = await work();

    expect(held).toMatchObject({ state: "waiting", words: { queued: 0 } });
    expect(words.queued).toBe(1);
  });

  it("refuses a second order while one is under way, takes the same for one, and can be ended", async () => {
    await person(1, { donotemail: true });
    const order: WordsOrder = { run: await listed(), action: "confirm", attributes: ["email"], by: "operator-2" };
    const first = await orderWords(world.reconcile, order);

    const same = await orderWords(world.reconcile, order);
    const other = orderWords(world.reconcile, { ...order, action: "apply" });

    expect(same).toEqual(first);
    await expect(other).rejects.toThrow(/order 1 \(confirm, run 1\) is under way/);
    expect(await cancelWords(world.reconcile)).toBe(true);
    expect(await cancelWords(world.reconcile)).toBe(false);
    expect(await wordsSlice(world.reconcile, pace, world.clock.now())).toEqual({ state: "idle" });
  });
});

describe("settling at once what the rules settle by themselves", () => {
  it("writes the opt-outs of a list and leaves what needs a word as it is", async () => {
    await person(1, {}, { blackListEmail: true });
    await person(2, { donotemail: true });

    const words = await say("apply", await listed());
    await drain();

    expect(words).toMatchObject({ action: "apply", queued: 1 });
    expect([row(1), row(2)]).toMatchObject([{ donotemail: true }, { donotemail: true }]);
    expect(await decisions(1)).toContain("email: opt-out-in-campaign, written");
    expect(await decisions(2)).toEqual([]);
  });

  it("decides anew: an opt-out that was taken back since the list is not written", async () => {
    await person(1, {}, { blackListEmail: true });
    const run = await listed();
    edit(1, { blackListEmail: false });

    await say("apply", run);
    await drain();

    expect(row(1)).toMatchObject({ donotemail: false });
  });
});
