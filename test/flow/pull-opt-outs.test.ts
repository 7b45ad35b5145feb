import { beforeEach, describe, expect, it } from "vitest";
import { makeOptOutSource } from "../../shared/campaign/opt-out-source.js";
import { makeCampaignOptOuts } from "../../shared/campaign/opt-outs.js";
import { ConflictError, TableError, UnavailableError } from "../../shared/errors.js";
import type { OptOutSource } from "../../shared/flows/optout-source.js";
import { makeRecent, type OptOutPace, type OptOutPullPorts, pullOptOuts } from "../../shared/flows/pull-opt-outs.js";
import { type MemoryChangeQueue, makeMemoryChangeQueue } from "../../shared/messaging/memory-queue.js";
import { parseEnvelope } from "../../shared/model/envelope.js";
import type { RememberedOptOut } from "../../shared/optout/attributes.js";
import { makeCheckpointStore } from "../../shared/storage/checkpoints.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { makeSyncStateStore } from "../../shared/storage/sync-state.js";
import { openGates, settingsOf } from "../support/calm-ports.js";
import { type CampaignEvents, makeCampaignEvents } from "../support/campaign-events.js";
import { Killed } from "../support/egress-world.js";
import { aMappingDocument, compiled } from "../support/mappings.js";
import { recordId } from "../support/samples.js";

const [second, minute] = [1_000, 60_000];
const pace: OptOutPace = {
  pageSize: 3,
  narrowMs: 2 * minute,
  wideMs: 30 * minute,
  wideEveryMs: 15 * minute,
  checkEveryMs: 24 * 60 * minute,
  busyMs: 2 * second,
  idleMs: 30 * second,
  maxDepth: 100,
  pollMs: 50,
};
const mappingOf = (direction: string, attributes: Record<string, string> = { email: "donotemail" }) =>
  compiled(
    aMappingDocument(undefined, {
      columns: {
        contactid: "id",
        lastname: "string",
        donotemail: "boolean",
        donotfax: "boolean",
        donotpush: "boolean",
      },
      optOuts: { direction, attributes },
    }),
  );
const publish = (direction: string, attributes?: Record<string, string>): void =>
  settings.publish(new Map([["contact", mappingOf(direction, attributes)]]));

let campaign: CampaignEvents;
let settings: ReturnType<typeof settingsOf>;
let queue: MemoryChangeQueue;
let states: ReturnType<typeof makeSyncStateStore>;
let source: OptOutSource;
let ports: OptOutPullPorts;
/** Profiles that Campaign does not show yet, though their change has its time. */
let uncommitted: Set<string>;
let profiles: Set<number>;
let [isWanted, epoch] = [true, 1];
/** Every look of the lane: whose, and whether e-mail was forbidden then. */
let looks: { key: string; out: boolean | undefined }[];
/** Dies at this call of any port, before or after it took effect. */
let kill: { call: number; when: "before" | "after" } | undefined;
let calls: number;

beforeEach(() => setUp());

type Way = "times" | "lastModified";

function setUp(switches: Record<string, unknown> = {}, by: Way = "times"): void {
  campaign = makeCampaignEvents(switches);
  campaign.clock.advance(12 * 60 * minute);
  [uncommitted, profiles] = [new Set(), new Set()];
  campaign.tamper = (path, list) => {
    if (path.includes("byOptOutsSince")) {
      list.content = list.content.filter(({ externalId }) => !uncommitted.has(String(externalId)));
    }
  };
  settings = settingsOf(new Map([["contact", mappingOf("both")]]));
  const { client, clock } = campaign;
  queue = makeMemoryChangeQueue({ lanes: 2, clock });
  const tables = makeMemoryEntityTables();
  void tables.ensure(["checkpoints", "syncstate"]);
  states = makeSyncStateStore(tables.table("syncstate"));
  [isWanted, epoch, looks, kill, calls] = [true, 1, [], undefined, 0];
  const name = by === "times" ? "OptOutsSince" : "ModifiedSince";
  source = makeOptOutSource({
    client,
    clock,
    callMs: 4_000,
    by,
    filter: { name, parameter: "since", format: "space" },
  });
  ports = {
    source: mortal(source),
    settings: settings.source,
    checkpoints: mortal(makeCheckpointStore(tables.table("checkpoints"))),
    states: mortal(states),
    queue: mortal(queue),
    gates: openGates(),
    clock,
    binding: async () => ({ organizationId: "", campaignTenant: "", epoch, createdAt: "" }),
    isWanted: async () => isWanted,
    rung: makeRecent(1_000, 15 * minute, campaign.clock),
  };
}

function mortal<Port extends object>(port: Port): Port {
  return new Proxy(port, {
    get(target, name, receiver) {
      const method = Reflect.get(target, name, receiver);
      if (typeof method !== "function") return method;
      return async (...given: unknown[]) => {
        calls += 1;
        const last = kill?.call === calls ? kill.when : undefined;
        if (last === "before") throw new Killed();
        const result: unknown = await Reflect.apply(method, target, given);
        if (last === "after") throw new Killed();
        return result;
      };
    },
  });
}

const keyOf = (n: number): string => recordId(n);
const run = (name: string, body: unknown): unknown => campaign.core.command?.(name, body);
/** Somebody's profile is made, or changed, a second later. */
function set(n: number, values: Record<string, unknown> = { blackListEmail: true }): string {
  campaign.clock.advance(second);
  const key = keyOf(n);
  if (profiles.has(n)) run("edit", { resource: "profile", key, values });
  else run("seed", { resource: "profile", records: [{ externalId: key, ...values }] });
  profiles.add(n);
  return key;
}

/** The lane does what is queued: looks at the profile, and remembers what it saw, both sides being equal then. */
async function work(): Promise<void> {
  const { client, clock } = campaign;
  const reader = makeCampaignOptOuts(client, clock, 4_000);
  for (let lanes = queue.readyLanes(); lanes.length > 0; lanes = queue.readyLanes()) {
    for (const lane of lanes) {
      const delivery = queue.receive(lane);
      if (!delivery) continue;
      const { id } = parseEnvelope(delivery.body);
      const seen = (await reader.read(mappingOf("both"), id, clock.now() + minute))?.get("email");
      looks.push({ key: id, out: seen?.value });
      await remember(id, { ...(seen && { dynamics: seen.value, campaign: seen.value }), ...at(seen?.at) });
      queue.complete(delivery);
    }
  }
}
const at = (campaignAt: number | undefined) => (campaignAt === undefined ? {} : { campaignAt });
async function remember(key: string, email: RememberedOptOut): Promise<void> {
  const id = recordId(Number(key.slice(-12)));
  const before = await states.read("contact", id);
  const state = before?.state ?? { settings: 1, epoch: 1, present: true };
  await states.save("contact", id, { ...state, optOuts: { attributes: { email } } }, before?.etag);
}

/** One reading. */
const pull = (more: Partial<OptOutPace> = { busyMs: pace.idleMs }) =>
  pullOptOuts(ports, { ...pace, ...more }, campaign.clock.now() + 10 * minute);
async function pullAndWork() {
  const done = await pull();
  await work();
  return done;
}
/** A killed process forgets what it knew; the next goes on. */
async function throughKills<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      kill = undefined;
      ports = { ...ports, rung: makeRecent(1_000, 15 * minute, campaign.clock) };
    }
  }
}
const later = (ms: number): void => campaign.clock.advance(ms);
const lists = (): number => campaign.calls.filter((call) => call.startsWith("list opt-outs")).length;
const lookedAt = (): string[] => [...new Set(looks.map(({ key }) => key))].sort();

describe("pulling opt-outs", () => {
  it("rings for everybody who ever opted out when it runs for the first time, and for nobody else", async () => {
    const keys = [1, 2, 3, 4, 5, 6, 7].map((n) => set(n));
    set(8, { lastName: "Never" });

    const done = await pullAndWork();

    expect(lookedAt()).toEqual(keys);
    expect(done).toMatchObject({ rung: 7, upToDate: true });
  });

  it("rings once for a change, and never again for what the lane has seen, in any later look", async () => {
    set(1);
    await pullAndWork();
    later(5 * minute);
    const key = set(2);
    for (let count = 0; count < 60; count += 1) {
      await pullAndWork();
      later(minute);
    }

    expect(looks.map((look) => look.key)).toEqual([keyOf(1), key]);
  });

  it("rings once while the lane has not come to it yet, however often it looks", async () => {
    set(1);
    for (let count = 0; count < 10; count += 1) {
      await pull({});
      set(1, { lastName: `Name ${count}` });
      later(minute);
    }
    await work();

    expect(looks).toHaveLength(1);
  });

  it("rings again for a later change of the same profile, and for one that comes back", async () => {
    const key = set(1);
    await pullAndWork();
    set(1, { blackListEmail: false });
    await pullAndWork();
    set(1);
    await pullAndWork();

    expect(looks).toEqual([true, false, true].map((out) => ({ key, out })));
  });

  it("does not ring for what we wrote ourselves: contact data, or an opt-out that both sides agree on", async () => {
    set(1);
    await pullAndWork();
    set(1, { lastName: "Later" });
    await remember(keyOf(2), { dynamics: true, campaign: true });
    set(2);

    const done = await pull();

    expect(done).toMatchObject({ rung: 0 });
  });

  it("rings for an opt-out that the lane was about to write when it died", async () => {
    const key = set(1);
    await pullAndWork();
    const stored = await states.read("contact", recordId(1));
    const optOuts = { open: true, attributes: stored?.state.optOuts?.attributes ?? {} };
    await states.save("contact", recordId(1), { settings: 1, epoch: 1, present: true, optOuts }, stored?.etag);
    later(16 * minute);

    await pullAndWork();

    expect(looks.filter((look) => look.key === key)).toHaveLength(2);
  });

  it("rings for an opt-out of push, which has no time", async () => {
    publish("toDynamics", { push: "donotpush" });
    set(1, { lastName: "Quiet" });
    await pullAndWork();
    const key = set(1, { blackListPushnotification: true });

    await pullAndWork();

    expect(lookedAt()).toEqual([key]);
  });

  it("finds a change that was committed long after the time it carries, by the wide look", async () => {
    set(1);
    await pullAndWork();
    later(20 * minute);
    const late = set(2);
    uncommitted.add(late);
    later(10 * minute);
    await pullAndWork();
    set(3);
    await pullAndWork();
    later(6 * minute);
    uncommitted.clear();

    for (let count = 0; count < 16; count += 1) {
      await pullAndWork();
      later(minute);
    }

    expect(lookedAt()).toContain(late);
  });

  it("finds all of a crowd that opted out in the same moment, over many pages", async () => {
    await pullAndWork();
    const records = Array.from({ length: 20 }, (_, n) => ({ externalId: keyOf(n + 1), blackListEmail: true }));
    run("seed", { resource: "profile", records });

    await pullAndWork();

    expect(lookedAt()).toHaveLength(20);
  });

  it.each(["key", "offset"])("misses nobody while profiles move and go, with links by %s", async (paging) => {
    setUp({ paging });
    const keys = Array.from({ length: 12 }, (_, n) => set(n + 1));
    const first = campaign.calls.length;
    campaign.meanwhile = (call) => {
      const n = call - first;
      later(second);
      if (n === 3) run("remove", { resource: "profile", key: keyOf(1) });
      if (n > 1 && n < 8) run("edit", { resource: "profile", key: keyOf(n + 3), values: { blackListEmail: false } });
    };

    await pullAndWork();
    campaign.meanwhile = () => {};
    await pullAndWork();

    expect(lookedAt()).toEqual(expect.arrayContaining(keys.slice(1)));
    for (let n = 5; n <= 10; n += 1) {
      expect(looks.filter(({ key }) => key === keyOf(n)).at(-1)?.out, keyOf(n)).toBe(false);
    }
  });

  it("counts profiles without a key and with a key that is no contact's, and rings for the others", async () => {
    run("seed", { resource: "profile", records: [{ externalId: "", email: "a@example.com", blackListEmail: true }] });
    run("seed", { resource: "profile", records: [{ externalId: "shop-7", blackListEmail: true }] });
    set(1);

    const done = await pull();

    expect(done).toMatchObject({ rung: 1, withoutKey: 1, foreign: 1 });
  });

  it("goes on in the middle of its first reading where the time was over, and rings for nobody twice", async () => {
    const keys = Array.from({ length: 14 }, (_, n) => set(n + 1));
    const ends: boolean[] = [];
    for (let count = 0; count < 20 && ends.at(-1) !== true; count += 1) {
      const done = await pullOptOuts(ports, pace, campaign.clock.now());
      await work();
      ends.push(done.upToDate);
    }

    expect(looks.map(({ key }) => key).sort()).toEqual(keys);
    expect(ends.length).toBeGreaterThan(4);
  });

  it("starts again from the beginning when the page it stood at is not there any more", async () => {
    Array.from({ length: 9 }, (_, n) => set(n + 1));
    await pullOptOuts(ports, pace, campaign.clock.now());
    ports = { ...ports, source: { ...source, readMoved: () => Promise.reject(new TableError("gone", "404")) } };
    await expect(pull()).rejects.toThrow("gone");
    ports = { ...ports, source };

    await pullAndWork();

    expect(lookedAt()).toHaveLength(9);
  });

  it("stays where it was in a long reading when Campaign was away", async () => {
    Array.from({ length: 9 }, (_, n) => set(n + 1));
    await pullOptOuts(ports, pace, campaign.clock.now());
    await work();
    const away = () => Promise.reject(new UnavailableError("away", false, { system: "campaign" }));
    ports = { ...ports, source: { ...source, readMoved: away } };
    await expect(pull()).rejects.toThrow("away");
    ports = { ...ports, source };

    const done = await pullAndWork();

    expect(done.rung).toBe(6);
    expect(looks).toHaveLength(9);
  });

  it("moves no checkpoint over profiles that the queue did not take", async () => {
    const key = set(1);
    const send = () => Promise.reject(new UnavailableError("the bus is away", false));
    const alive = ports;
    ports = { ...ports, queue: { ...queue, send } };
    await expect(pull()).rejects.toThrow("the bus is away");
    ports = alive;
    later(60 * minute);

    await pullAndWork();

    expect(lookedAt()).toEqual([key]);
  });

  it("waits while the queue is full, and sends no more than it has room for", async () => {
    Array.from({ length: 9 }, (_, n) => set(n + 1));
    const depths: number[] = [];
    const { clock } = campaign;
    const sleep = async (ms: number): Promise<void> => {
      depths.push([...(await queue.depths(99)).values()].reduce((sum, depth) => sum + depth, 0));
      await work();
      await clock.sleep(ms);
    };
    ports = { ...ports, clock: { ...clock, now: clock.now, sleep } };

    await pullOptOuts(ports, { ...pace, pageSize: 100, maxDepth: 2 }, clock.now() + minute);
    await work();

    expect(Math.max(...depths)).toBe(2);
    expect(lookedAt()).toHaveLength(9);
  });

  it("reads everything anew when an attribute is mapped later, and when the environment is another one", async () => {
    const key = set(1, { blackListFax: true });
    await pullAndWork();
    later(60 * minute);
    publish("both", { email: "donotemail", fax: "donotfax" });
    const afterPublication = await pull();
    await work();
    later(60 * minute);
    epoch = 2;

    const afterRestore = await pull();

    expect([afterPublication.rung, afterRestore.rung]).toEqual([1, 1]);
    expect(lookedAt()).toEqual([key]);
  });

  it.each(["toCampaign", "disabled"])("asks Campaign nothing while the direction is %s", async (direction) => {
    publish(direction);
    set(1);

    expect(await pull()).toMatchObject({ isOff: true, rung: 0 });
    expect(campaign.calls).toEqual([]);
  });

  it("asks Campaign nothing while an operator has stopped it, and misses nothing of that time", async () => {
    await pullAndWork();
    isWanted = false;
    const key = set(1);
    await pull();
    expect(looks).toEqual([]);
    later(24 * 60 * minute);
    isWanted = true;

    await pullAndWork();

    expect(lookedAt()).toEqual([key]);
  });

  it("asks Campaign nothing while its gate is closed", async () => {
    set(1);
    const admit: OptOutPullPorts["gates"]["admit"] = async () => ({ peer: "campaign", until: 0, reason: "" });
    ports = { ...ports, gates: { ...openGates(), admit } };

    expect(await pull()).toMatchObject({ upToDate: false, rung: 0 });
    expect(campaign.calls).toEqual([]);
  });

  it("says that the customer's filter hides somebody, and rings for those it shows", async () => {
    const shown = set(1);
    uncommitted.add(set(2));

    const done = await pullAndWork();

    expect(done.warnings).toEqual([expect.stringMatching(/hides a profile whose opt-out email/)]);
    expect(lookedAt()).toEqual([shown]);
  });

  it.each([-10, 10])("misses nothing when Campaign's clock is %i minutes away from ours", async (minutes) => {
    const { clock } = campaign;
    ports = {
      ...ports,
      clock: { ...clock, now: () => clock.now() + minutes * minute, sleep: (ms) => clock.sleep(ms) },
    };
    set(1);
    await pullAndWork();
    const keys = [2, 3, 4].map((n) => keyOf(n));
    for (const n of [2, 3, 4]) {
      later(minute);
      await pullAndWork();
      set(n);
      await pullAndWork();
    }

    expect(looks.map(({ key }) => key)).toEqual([keyOf(1), ...keys]);
  });

  it("does not believe a time that is yet to come, which would have it miss everything before", async () => {
    set(1);
    campaign.tamper = (path, { content }) => {
      if (path.includes("byOptOutsSince")) for (const row of content) row.lastModified = "2036-01-01 00:00:00.000Z";
    };
    await pullAndWork();
    campaign.tamper = () => {};
    later(60 * minute);
    const key = set(2);

    await pullAndWork();

    expect(lookedAt()).toContain(key);
  });
});

describe("how often opt-outs are pulled", () => {
  it("looks again within seconds while changes come, and ever more slowly when they end", async () => {
    set(1);
    await work();
    const before = campaign.clock.slept.length;

    const done = await pull({});

    expect(campaign.clock.slept.slice(before)).toEqual([2, 4, 8, 16].map((seconds) => seconds * second));
    expect(done).toMatchObject({ readings: 5, upToDate: true });
  });

  it("costs one call of Campaign a minute while nothing happens, and one an hour for names", async () => {
    set(1);
    await pullAndWork();
    later(60 * minute);
    campaign.calls.length = 0;

    for (let count = 0; count < 60; count += 1) {
      await pullAndWork();
      later(minute);
    }

    expect(lists()).toBe(60);
    expect(campaign.calls).toHaveLength(61);
  });

  it("shows no rows again once the overlap has passed, however many changed at last", async () => {
    Array.from({ length: 9 }, (_, n) => set(n + 1));
    await pullAndWork();
    later(60 * minute);
    await pullAndWork();
    later(minute);
    campaign.calls.length = 0;

    const done = await pull();

    expect(done).toMatchObject({ known: 0, rung: 0, readings: 1 });
    expect(lists()).toBe(1);
  });
});

describe("two hosts that pull at the same time", () => {
  it("ring at least once for everybody, and the one that came too late stops", async () => {
    const keys = Array.from({ length: 7 }, (_, n) => set(n + 1));
    const other = { ...ports, rung: makeRecent(10, minute, campaign.clock) };

    const ends = await Promise.allSettled([pull(), pullOptOuts(other, pace, campaign.clock.now() + minute)]);
    await work();

    const lost = ends.filter((end) => end.status === "rejected");
    expect(lost.map(({ reason }) => reason)).toEqual([expect.any(ConflictError)]);
    expect(lookedAt()).toEqual(keys);
  });
});

describe("a process killed at any call while opt-outs are pulled", () => {
  // Without the daily check, which kills no more than any other call.
  const quick = () => pull({ busyMs: pace.idleMs, checkEveryMs: Number.POSITIVE_INFINITY });
  async function play(): Promise<void> {
    // Further apart than any overlap reaches back.
    for (const n of [1, 2, 3, 4, 5]) {
      later(60 * minute);
      set(n);
    }
    await throughKills(quick);
    await work();
    later(minute);
    set(2, { blackListEmail: false });
    set(6);
    await throughKills(quick);
    await work();
    later(16 * minute);
    set(3, { blackListEmail: false });
    await throughKills(quick);
    await work();
  }

  it.each<Way>(["times", "lastModified"])("leaves nobody unseen who is found by %s", async (by) => {
    setUp({}, by);
    await play();
    const all = calls;

    for (let call = 1; call <= all; call += 1) {
      for (const when of ["before", "after"] as const) {
        setUp({}, by);
        kill = { call, when };
        await play();
        const last = new Map(looks.map(({ key, out }) => [key, out]));
        expect(
          [1, 2, 3, 4, 5, 6].map((n) => last.get(keyOf(n))),
          `killed ${when} call ${call}`,
        ).toEqual([true, false, false, true, true, true]);
      }
    }
    expect(all).toBeGreaterThan(25);
  });
});
