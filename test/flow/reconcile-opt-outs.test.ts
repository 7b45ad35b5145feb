import { beforeEach, describe, expect, it } from "vitest";
import { MalformedError, UnavailableError } from "../../shared/errors.js";
import { type ReconcilePace, reconcileSlice } from "../../shared/flows/reconcile-opt-outs.js";
import {
  cancelReconciliation,
  orderReconciliation,
  type Reconciliation,
  readReconciliation,
} from "../../shared/flows/reconcile-order.js";
import { planOf } from "../../shared/flows/reconcile-plan.js";
import type { OptOutDifference } from "../../shared/flows/reconcile-ports.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import type { Row } from "../../shared/model/row.js";
import type { SyncState } from "../../shared/storage/sync-state.js";
import { type IngressWorld, Killed, makeIngressWorld } from "../support/ingress-world.js";
import { aMappingDocument, compiled } from "../support/mappings.js";
import { recordId } from "../support/samples.js";

const pace: ReconcilePace = { pageSize: 2, rowPage: 3, retryMs: 60_000 };
const minute = 60_000;

let world: IngressWorld;

beforeEach(async () => {
  world = await makeIngressWorld({ mapping: mappingOf("disabled") });
});

function mappingOf(direction: string, more: Record<string, unknown> = {}): CompiledMapping {
  const attributes = { email: "donotemail", fax: "donotfax" };
  const columns = { contactid: "id", lastname: "string", donotemail: "boolean", donotfax: "boolean" };
  return compiled(aMappingDocument(undefined, { columns, optOuts: { direction, attributes, ...more } }));
}

/** Contact `n` in Dynamics, changed now. */
function contact(n: number, row: Row = {}): void {
  world.dynamics.put(recordId(n), { lastname: "Lee", donotemail: false, donotfax: false, ...row });
}

/** Its profile, made now and changed a second later. */
function profile(key: string | undefined, changes: Record<string, unknown> = {}): void {
  world.campaignCommand("seed", { resource: "profile", records: [key === undefined ? {} : { externalId: key }] });
  if (key === undefined || Object.keys(changes).length === 0) return;
  world.clock.advance(1_000);
  world.campaignCommand("edit", { resource: "profile", key, values: changes });
}

/** What is known of contact `n`: that its profile is ours, and whatever else. */
async function known(n: number, state: Partial<SyncState> = {}): Promise<void> {
  const ours = { settings: 1, epoch: 1, present: true, ...state };
  await world.ports.states.save("contact", recordId(n), ours, undefined);
}

async function order(mapping = mappingOf("both")): Promise<Reconciliation> {
  const plan = planOf([mapping]);
  if (!plan) throw new Error("the mapping keeps no opt-outs");
  return orderReconciliation(world.reconcile, { plan, isDraft: true, by: "operator-1" });
}

/** Slices of one step each, whoever dies over them, until nothing is left to do. */
async function work(): Promise<Reconciliation> {
  for (let slices = 0; slices < 200; slices += 1) {
    try {
      const slice = await reconcileSlice(world.reconcile, pace, world.clock.now());
      if (slice.state === "done") return slice.run;
      const last = slice.state === "idle" ? await readReconciliation(world.ports.checkpoints) : undefined;
      if (last?.phase === "done") return last;
      world.clock.advance(minute);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      world.restart();
    }
  }
  throw new Error("it never ends");
}

async function run(mapping?: CompiledMapping): Promise<{ done: Reconciliation; found: OptOutDifference[] }> {
  await order(mapping);
  const done = await work();
  return { done, found: await list(done.number) };
}

async function list(number: number): Promise<OptOutDifference[]> {
  const found: OptOutDifference[] = [];
  for await (const { difference } of world.reconcile.differences.list(number, {})) found.push(difference);
  return found;
}

const brief = (found: readonly OptOutDifference[]): string[] =>
  found.map(({ kind, record, attribute, rule, wouldWrite }) => {
    const write = wouldWrite ? ` -> ${wouldWrite.side} ${wouldWrite.value ? "out" : "in"}` : "";
    return `${Number(record.slice(-3))} ${attribute}: ${kind} (${rule})${write}`;
  });

/** 1 and 2 agree; 3 is out in Dynamics, 4 in Campaign; 5 has both kinds; 6 was opted in in Campaign last; 7 is not ours; 8 has no profile. */
async function disagree(): Promise<void> {
  for (const n of [1, 2, 4]) contact(n);
  for (const n of [3, 6, 7, 8]) contact(n, { donotemail: true });
  contact(5, { donotfax: true });
  world.clock.advance(minute);
  profile(recordId(1));
  profile(recordId(2));
  profile(recordId(3));
  profile(recordId(4), { blackListEmail: true });
  profile(recordId(5), { blackListEmail: true });
  profile(recordId(6), { blackListEmail: true });
  world.clock.advance(minute);
  world.campaignCommand("edit", { resource: "profile", key: recordId(6), values: { blackListEmail: false } });
  profile(recordId(7));
  profile(recordId(9));
  profile("CRM-10");
  profile(undefined);
  for (const n of [1, 2, 3, 4, 5, 6]) await known(n);
}

const disagreement = [
  "6 email: needs-word (opt-in-not-seen)",
  "7 email: not-ours (opt-out-in-dynamics)",
  "3 email: opts-out (opt-out-in-dynamics) -> campaign out",
  "4 email: opts-out (opt-out-in-campaign) -> dynamics out",
  "5 email: opts-out (opt-out-in-campaign) -> dynamics out",
  "5 fax: opts-out (opt-out-in-dynamics) -> campaign out",
];

describe("comparing the opt-outs that both sides hold", () => {
  it("lists what the rules would settle and what needs an operator's word, and counts everybody else", async () => {
    await disagree();

    const { done, found } = await run();

    expect(brief(found)).toEqual(disagreement);
    expect(done).toMatchObject({
      phase: "done",
      cancelled: false,
      sums: { profiles: 10, compared: 7, withoutKey: 1, foreign: 1, malformed: 0, withoutContact: 1, contacts: 8 },
      missing: [],
    });
    expect(done.differences).toEqual([
      { kind: "opts-out", attribute: "email", count: 3 },
      { kind: "opts-out", attribute: "fax", count: 1 },
      { kind: "needs-word", attribute: "email", count: 1 },
      { kind: "not-ours", attribute: "email", count: 1 },
    ]);
  });

  it("keeps both values and both times of a difference, and nothing of the person", async () => {
    await disagree();

    const { found } = await run();

    expect(found.find(({ record }) => record === recordId(6))).toEqual({
      kind: "needs-word",
      table: "contact",
      record: recordId(6),
      attribute: "email",
      column: "donotemail",
      direction: "both",
      dynamics: {
        value: true,
        version: world.dynamics.rows().get(recordId(6))?.version,
        changedAt: "2026-03-01T00:00:00.000Z",
      },
      campaign: { value: false, changedAt: "2026-03-01T00:02:03.000Z" },
      rule: "opt-in-not-seen",
    });
    expect(JSON.stringify(found)).not.toContain("Lee");
  });

  it("writes to neither system, sends nothing, and leaves what is remembered as it was", async () => {
    await disagree();
    const [profiles, rows] = [world.profiles(), [...world.dynamics.rows()]];
    const before = await world.ports.states.read("contact", recordId(6));

    await run();

    expect(world.profiles()).toEqual(profiles);
    expect([...world.dynamics.rows()]).toEqual(rows);
    expect(world.queue.readyLanes()).toEqual([]);
    expect(await world.ports.states.read("contact", recordId(6))).toEqual(before);
  });

  it("costs one call a page of Campaign, and one for the names of its attributes", async () => {
    await disagree();
    const before = world.campaignCalls();

    await run();

    expect(world.campaignCalls() - before).toBe(5 + 1);
  });

  it.each([
    [
      "toDynamics",
      [
        "3 email: needs-word (opt-in-not-seen)",
        "5 fax: needs-word (opt-in-not-seen)",
        "6 email: needs-word (opt-in-not-seen)",
        "7 email: needs-word (opt-in-not-seen)",
        "4 email: opts-out (opt-out-in-campaign) -> dynamics out",
        "5 email: opts-out (opt-out-in-campaign) -> dynamics out",
      ],
    ],
    [
      "toCampaign",
      [
        "4 email: needs-word (opt-in-not-seen)",
        "5 email: needs-word (opt-in-not-seen)",
        "7 email: not-ours (opt-out-in-dynamics)",
        "3 email: opts-out (opt-out-in-dynamics) -> campaign out",
        "5 fax: opts-out (opt-out-in-dynamics) -> campaign out",
        "6 email: opts-out (opt-out-in-dynamics) -> campaign out",
      ],
    ],
  ])("goes by the direction of the plan that was ordered: %s", async (direction, expected) => {
    await disagree();

    const { found } = await run(mappingOf(direction));

    expect(brief(found)).toEqual(expected);
  });

  it("needs no word for an opt-in that was seen after both sides had agreed", async () => {
    contact(1, { donotemail: true });
    const campaignAt = world.clock.now();
    const optOuts = { attributes: { email: { dynamics: true, campaign: true, campaignAt } } };
    await known(1, { optOuts });
    world.clock.advance(minute);
    profile(recordId(1), { blackListEmail: true });
    world.clock.advance(minute);
    world.campaignCommand("edit", { resource: "profile", key: recordId(1), values: { blackListEmail: false } });

    const { found } = await run(mappingOf("toDynamics"));

    expect(brief(found)).toEqual(["1 email: opts-in (opt-in-newer) -> dynamics in"]);
  });

  it.each<[string, string, Row, Record<string, unknown>]>([
    ["a word would have to be written there", "toCampaign", {}, { blackListEmail: true }],
    ["an opt-out would, for want of a newer opt-in", "both", { donotemail: true }, { blackListEmail: false }],
  ])("says that a profile is not ours where %s", async (_what, direction, row, values) => {
    const optOuts = { attributes: { email: { dynamics: true, campaign: true } } };
    await known(1, { present: false, optOuts });
    profile(recordId(1), { blackListEmail: true });
    world.clock.advance(minute);
    world.campaignCommand("edit", { resource: "profile", key: recordId(1), values });
    world.clock.advance(minute);
    contact(1, row);

    const { found } = await run(mappingOf(direction));

    expect(found.map(({ kind }) => kind)).toEqual(["not-ours"]);
  });

  it("takes a contact that was merged into another one for gone", async () => {
    contact(1);
    contact(2, { donotemail: true, merged: true, masterid: recordId(1) });
    profile(recordId(1));
    profile(recordId(2));

    const { done, found } = await run();

    expect(found).toEqual([]);
    expect(done.sums).toMatchObject({ profiles: 2, compared: 1, withoutContact: 1, contacts: 1 });
  });

  it("leaves a profile to the lane whose key is another spelling of the contact's", async () => {
    const id = recordId(1).replace("4000", "4abc");
    world.dynamics.put(id as ReturnType<typeof recordId>, { donotemail: true });
    profile(id.toUpperCase());

    const { done, found } = await run();

    expect(found).toEqual([]);
    expect(done.sums).toMatchObject({ profiles: 1, foreign: 1, compared: 0 });
  });

  it("finds the same whoever dies at whichever call", async () => {
    await disagree();
    const { done } = await run();
    world.killAt({ call: Number.POSITIVE_INFINITY, when: "before" });
    await run();
    const calls = world.calls();

    expect(calls).toBeGreaterThan(40);
    for (let call = 1; call <= calls; call += 1) {
      for (const when of ["before", "after"] as const) {
        const { number } = await order();
        world.killAt({ call, when });
        const again = await work();
        world.restart();

        expect([call, when, again.sums, again.differences]).toEqual([call, when, done.sums, done.differences]);
        expect([call, when, brief(await list(number))]).toEqual([call, when, disagreement]);
      }
    }
  }, 60_000);

  it("counts a profile once that Campaign shows on two pages", async () => {
    await disagree();
    const { readPage } = world.reconcile.pages;
    world.reconcile.pages = {
      async readPage(...asked) {
        const page = await readPage(...asked);
        return { ...page, profiles: [...page.profiles, ...page.profiles] };
      },
    };

    const { done } = await run();

    expect(done.differences.reduce((sum, { count }) => sum + count, 0)).toBe(disagreement.length);
  });

  it("says which attributes Campaign does not have, and which profiles cannot be read", async () => {
    contact(1, { donotemail: true });
    profile(recordId(1));
    const { readPage } = world.reconcile.pages;
    world.reconcile.pages = {
      readPage: async (...asked) => ({ ...(await readPage(...asked)), malformed: 1, missing: ["fax"] }),
    };

    const { done } = await run();

    expect(done).toMatchObject({ missing: ["fax"], sums: { profiles: 2, malformed: 1 } });
  });
});

describe("a reconciliation under way", () => {
  it("refuses a second one and says how far it is", async () => {
    await disagree();
    await order();
    await reconcileSlice(world.reconcile, pace, world.clock.now());
    await reconcileSlice(world.reconcile, pace, world.clock.now());

    await expect(order()).rejects.toThrow(/reconciliation 1 is under way \(2 profiles so far\)/);
  });

  it("can be ended, and what it found stays to be read", async () => {
    await disagree();
    await order();
    for (let slices = 0; slices < 4; slices += 1) await reconcileSlice(world.reconcile, pace, world.clock.now());

    const was = await cancelReconciliation(world.reconcile);
    const again = await cancelReconciliation(world.reconcile);

    expect([was, again]).toEqual([true, false]);
    expect(await reconcileSlice(world.reconcile, pace, world.clock.now())).toEqual({ state: "idle" });
    expect((await list(1)).length).toBeGreaterThan(0);
  });

  it("stands still while an operator holds opt-outs, and while a gate is closed, and says why", async () => {
    await disagree();
    await order();
    await reconcileSlice(world.reconcile, pace, world.clock.now());

    const stopped = await reconcileSlice(
      { ...world.reconcile, stopped: async () => "opt-outs are stopped" },
      pace,
      world.clock.now(),
    );
    const until = world.clock.now() + minute;
    const gates = { ...world.ports.gates, admit: async () => ({ peer: "campaign" as const, until, reason: "outage" }) };
    const closed = await reconcileSlice({ ...world.reconcile, gates }, pace, world.clock.now());

    expect(stopped).toMatchObject({ state: "waiting", run: { waiting: "opt-outs are stopped" } });
    expect(closed).toMatchObject({
      state: "waiting",
      run: { waiting: "calls to campaign are held back: outage", sums: { profiles: 0 } },
    });
    expect((await work()).waiting).toBeUndefined();
  });

  it("notes what went wrong, waits a minute, and goes on", async () => {
    await disagree();
    await order();
    const { readPage } = world.reconcile.pages;
    const away = async () => Promise.reject(new UnavailableError("campaign is away", false));
    await reconcileSlice(world.reconcile, pace, world.clock.now());
    world.reconcile.pages = { readPage: away };
    await expect(reconcileSlice(world.reconcile, pace, world.clock.now())).rejects.toThrow(UnavailableError);
    world.reconcile.pages = { readPage };

    const early = await reconcileSlice(world.reconcile, pace, world.clock.now());
    world.clock.advance(minute);
    const done = await work();

    expect(early).toEqual({ state: "idle" });
    expect(done.sums.profiles).toBe(10);
  });

  it("reads from the start when a page cannot be read on, and counts nobody twice", async () => {
    await disagree();
    await order();
    const { readPage } = world.reconcile.pages;
    let beginnings = 0;
    world.reconcile.pages = {
      async readPage(mapping, cursor, ...asked) {
        if (cursor === undefined) beginnings += 1;
        if (cursor === undefined || beginnings > 1) return readPage(mapping, cursor, ...asked);
        throw new MalformedError("this link has grown old");
      },
    };
    await reconcileSlice(world.reconcile, pace, world.clock.now());
    await reconcileSlice(world.reconcile, pace, world.clock.now());
    await expect(reconcileSlice(world.reconcile, pace, world.clock.now())).rejects.toThrow(MalformedError);
    world.clock.advance(minute);

    const done = await work();

    expect(done.sums).toMatchObject({ profiles: 10, compared: 7 });
  });

  it("counts the contacts from the start when their page cannot be read on", async () => {
    await disagree();
    await order();
    const { readPage } = world.reconcile.dynamics;
    let beginnings = 0;
    world.reconcile.dynamics = {
      ...world.reconcile.dynamics,
      fetchRows: (...asked) => world.ports.dynamics.fetchRows(...asked),
      async readPage(mapping, cursor, size) {
        if (cursor === undefined) beginnings += 1;
        if (cursor === undefined || beginnings > 1) return readPage(mapping, cursor, size);
        throw new MalformedError("this cookie has grown old");
      },
    };
    const deadline = world.clock.now() + 10 * minute;
    await expect(reconcileSlice(world.reconcile, pace, deadline)).rejects.toThrow(MalformedError);
    world.clock.advance(minute);

    const done = await work();

    expect(done.sums).toMatchObject({ profiles: 10, compared: 7, contacts: 8 });
  });

  it("asks no gate before a step that calls nobody, so that it takes no probe away", async () => {
    await disagree();
    await order();
    let asked = 0;
    const admit = async () => {
      asked += 1;
      return undefined;
    };
    const gates = { ...world.ports.gates, admit };

    await reconcileSlice({ ...world.reconcile, gates }, pace, world.clock.now());
    const clearing = asked;
    world.reconcile.gates = gates;
    await work();

    // Five pages of profiles and three of contacts.
    expect([clearing, asked]).toEqual([0, 8]);
  });

  it("keeps the lists of the last three runs", async () => {
    await disagree();

    for (let runs = 0; runs < 5; runs += 1) await run();

    const lengths = await Promise.all([1, 2, 3, 4, 5].map(async (number) => (await list(number)).length));
    expect(lengths).toEqual([0, 0, 6, 6, 6]);
  });
});
