import { describe, expect, it } from "vitest";
import { ConflictError, UnavailableError } from "../../../shared/errors.js";
import type { HttpCall } from "../../../shared/http/client.js";
import type { RateLimit } from "../../../shared/http/rate-timing.js";
import { makeSharedThrottle, type RateStore } from "../../../shared/http/shared-throttle.js";
import type { Throttle } from "../../../shared/http/throttle.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import { makeRateStore } from "../../../shared/storage/rates.js";
import { type TimerClock, timerClock } from "../../support/timer-clock.js";

const start = "2026-03-01T00:00:00.000Z";
const startMs = Date.parse(start);
const hour = 3_600_000;

function aCall(changes: Partial<HttpCall> = {}): HttpCall {
  return {
    system: "campaign",
    operation: "update profile",
    method: "PATCH",
    url: new URL("https://mc.adobe.test/acme"),
    timeoutMs: 1_000,
    deadline: startMs + hour,
    ...changes,
  };
}

interface World {
  clock: TimerClock;
  /** A process of the deployment. */
  process(): Throttle;
  store: RateStore;
  calls: { reads: number; saves: number };
}

/** A deployment whose tables take `tableMs` to answer. */
async function world(
  limit?: RateLimit,
  { tableMs = 5, lateMs }: { tableMs?: number; lateMs?: () => number } = {},
): Promise<World> {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["workflows"]);
  const clock = timerClock(start, lateMs);
  const plain = makeRateStore(tables.table("workflows"), "campaign");
  const calls = { reads: 0, saves: 0 };
  const store: RateStore = {
    async read() {
      calls.reads += 1;
      await clock.sleep(tableMs);
      return plain.read();
    },
    async save(state, etag) {
      calls.saves += 1;
      await clock.sleep(tableMs);
      return plain.save(state, etag);
    },
  };
  return { clock, store, calls, process: () => makeSharedThrottle({ store, clock, ...(limit && { limit }) }) };
}

/** `lanes` of one process send one request after the other, each taking `callMs`, until `endMs`; answers when they went out. */
async function busy(
  { clock }: World,
  throttle: Throttle,
  { lanes = 8, callMs = 40, seconds = 30 } = {},
): Promise<number[]> {
  const sent: number[] = [];
  const end = startMs + seconds * 1_000;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (;;) {
        await throttle.admit(aCall());
        if (clock.now() >= end) return;
        sent.push(clock.now());
        await clock.sleep(callMs);
      }
    }),
  );
  return sent.sort((a, b) => a - b);
}

/** The most requests in any sliding window. */
function densest(sent: readonly number[], windowMs: number): number {
  let [most, from] = [0, 0];
  sent.forEach((at, index) => {
    while ((sent[from] ?? at) <= at - windowMs) from += 1;
    most = Math.max(most, index - from + 1);
  });
  return most;
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const limits: [string, RateLimit][] = [
  ["5 a second", { calls: 5, windowMs: 1_000 }],
  ["100 a second", { calls: 100, windowMs: 1_000 }],
  ["12 in 6 seconds", { calls: 12, windowMs: 6_000 }],
];

describe("the shared rate", () => {
  it.each(limits)("lets one process alone use nearly all of %s", async (_name, limit) => {
    const deployment = await world(limit);

    const sent = await deployment.clock.run(busy(deployment, deployment.process()));

    const allowed = (limit.calls * 30_000) / limit.windowMs;
    expect(sent.length).toBeGreaterThanOrEqual(Math.floor(0.97 * allowed));
    expect(densest(sent, limit.windowMs)).toBeLessThanOrEqual(limit.calls);
  });

  it.each(limits)(
    "lets two processes together use nearly all of %s, and never more than it in any window",
    async (_name, limit) => {
      const deployment = await world(limit);

      const both = await deployment.clock.run(
        Promise.all([busy(deployment, deployment.process()), busy(deployment, deployment.process())]),
      );

      const sent = both.flat().sort((a, b) => a - b);
      const allowed = (limit.calls * 30_000) / limit.windowMs;
      expect(sent.length).toBeGreaterThanOrEqual(Math.floor(0.95 * allowed));
      expect(densest(sent, limit.windowMs)).toBeLessThanOrEqual(limit.calls);
    },
  );

  it("keeps within the limit when timers fire up to 20 ms late, and still uses 95 % of it", async () => {
    const limit = { calls: 100, windowMs: 1_000 };
    const random = seeded(7);
    const deployment = await world(limit, { lateMs: () => Math.floor(random() * 20) });

    const both = await deployment.clock.run(
      Promise.all([busy(deployment, deployment.process()), busy(deployment, deployment.process())]),
    );

    const sent = both.flat().sort((a, b) => a - b);
    expect(sent.length).toBeGreaterThanOrEqual(0.95 * 3_000);
    expect(densest(sent, limit.windowMs)).toBeLessThanOrEqual(limit.calls);
  });

  it.each([1, 2, 3, 4, 5])("is never exceeded by three processes that come and go (seed %i)", async (seed) => {
    const random = seeded(seed);
    const limit = { calls: 10 + Math.floor(random() * 40), windowMs: 1_000 };
    const deployment = await world(limit, { tableMs: 1 + Math.floor(random() * 60) });

    const all = await deployment.clock.run(
      Promise.all(
        [1, 2, 3].map(async () => {
          await deployment.clock.sleep(random() * 5_000);
          const lanes = 1 + Math.floor(random() * 8);
          return busy(deployment, deployment.process(), { lanes, callMs: random() * 200, seconds: 5 + random() * 15 });
        }),
      ),
    );

    expect(
      densest(
        all.flat().sort((a, b) => a - b),
        limit.windowMs,
      ),
    ).toBeLessThanOrEqual(limit.calls);
  });

  it.each([50, 200, 400])("is used though every answer of the table takes %i ms", async (tableMs) => {
    const deployment = await world({ calls: 100, windowMs: 1_000 }, { tableMs });

    const sent = await deployment.clock.run(busy(deployment, deployment.process()));

    expect(sent.length).toBeGreaterThanOrEqual((tableMs > 200 ? 0.5 : 0.9) * 3_000);
    expect(densest(sent, 1_000)).toBeLessThanOrEqual(100);
  });

  it("leaves an idle process's share to the one that is busy", async () => {
    const limit = { calls: 100, windowMs: 1_000 };
    const deployment = await world(limit);
    const calm = busy(deployment, deployment.process(), { lanes: 1, callMs: 2_000 });

    const [sent] = await deployment.clock.run(Promise.all([busy(deployment, deployment.process()), calm]));

    expect(sent.length).toBeGreaterThanOrEqual(0.93 * 3_000);
  });

  it("books in chunks: a busy process saves no more than a few times a second", async () => {
    const deployment = await world({ calls: 200, windowMs: 1_000 });

    await deployment.clock.run(busy(deployment, deployment.process(), { lanes: 16 }));

    expect(deployment.calls.saves).toBeLessThanOrEqual(30 * 4);
  });

  it("refuses a call as throttled, with nothing booked for it, when its slot would come after its deadline", async () => {
    const { process, clock, calls } = await world({ calls: 1, windowMs: 10_000 });
    const throttle = process();
    await clock.run(throttle.admit(aCall()));
    const before = calls.saves;

    const late = clock.run(throttle.admit(aCall({ deadline: clock.now() + 4_000 })));

    await expect(late).rejects.toMatchObject({ kind: "throttled", context: { operation: "update profile" } });
    expect(calls.saves).toBe(before);
  });

  it("leaves a booked slot to the next call when it comes after one call's deadline", async () => {
    const { process, clock } = await world({ calls: 10, windowMs: 1_000 });
    const throttle = process();
    await clock.run(throttle.admit(aCall()));
    await clock.run(throttle.admit(aCall()));
    const last = clock.now();
    await clock.run(throttle.admit(aCall({ deadline: last + 50 }))).catch(() => {});

    await clock.run(throttle.admit(aCall()));

    expect(clock.now() - last).toBeLessThan(120);
  });

  it("sends nothing in slots that others were always faster to book", async () => {
    const { clock } = await world();
    const store: RateStore = {
      read: async () => undefined,
      async save() {
        await clock.sleep(5);
        throw new ConflictError("somebody else was faster");
      },
    };
    const throttle = makeSharedThrottle({ store, clock, limit: { calls: 100, windowMs: 1_000 } });

    const call = clock.run(throttle.admit(aCall({ deadline: startMs + 1_000 })));

    await expect(call).rejects.toMatchObject({ kind: "throttled" });
  });

  it("loses the slots of a killed process, and nothing else", async () => {
    const deployment = await world({ calls: 50, windowMs: 1_000 });
    await deployment.clock.run(busy(deployment, deployment.process(), { seconds: 2 }));
    const before = deployment.clock.now();

    await deployment.clock.run(deployment.process().admit(aCall()));

    expect(deployment.clock.now() - before).toBeLessThanOrEqual(1_000);
  });

  it("goes on at the configured rate while the table is away", async () => {
    const clock = timerClock(start);
    const away = async (): Promise<never> => {
      throw new UnavailableError("table workflows: no answer", true);
    };
    const limit = { calls: 20, windowMs: 1_000 };
    const throttle = makeSharedThrottle({ store: { read: away, save: away }, clock, limit });
    const deployment = { ...(await world(limit)), clock };

    const sent = await clock.run(busy(deployment, throttle, { seconds: 10 }));

    expect(sent.length).toBeGreaterThan(180);
    expect(densest(sent, 1_000)).toBeLessThanOrEqual(20);
  });
});

describe("a window in which the peer asked everybody to wait", () => {
  it.each([undefined, { calls: 50, windowMs: 1_000 }])(
    "holds the process that was told at once and every other one a second later (limit %j)",
    async (limit) => {
      const deployment = await world(limit);
      const [told, other] = [deployment.process(), deployment.process()];
      const [from, until] = [startMs + 5_000, startMs + 12_000];
      const tell = async (): Promise<void> => {
        await deployment.clock.sleep(5_000);
        await told.refused(until, deployment.clock.now());
      };

      const [ofTold, ofOther] = await deployment.clock.run(
        Promise.all([
          busy(deployment, told, { seconds: 20, callMs: 17 }),
          busy(deployment, other, { seconds: 20 }),
          tell(),
        ]),
      );

      expect(ofTold.filter((at) => at > from && at < until)).toEqual([]);
      expect(ofOther.filter((at) => at > from + 1_010 && at < until)).toEqual([]);
      expect(ofTold.some((at) => at >= until)).toBe(true);
    },
  );

  it("holds a process that was started within it", async () => {
    const { clock, process } = await world();
    await clock.run(process().refused(startMs + 30_000, startMs));

    await clock.run(process().admit(aCall()));

    expect(clock.now()).toBeGreaterThanOrEqual(startMs + 30_000);
  });

  it("holds the process that was told while it is still being stored", async () => {
    const { clock, process } = await world();
    const throttle = process();
    await clock.run(throttle.admit(aCall()));
    const storing = throttle.refused(startMs + 30_000, clock.now());

    const meanwhile = clock.run(throttle.admit(aCall({ deadline: startMs + 20_000 })));

    await expect(meanwhile).rejects.toMatchObject({ kind: "throttled" });
    await clock.run(storing);
  });

  it("holds the process that was told even though the table is away", async () => {
    const clock = timerClock(start);
    const away = async (): Promise<never> => {
      throw new UnavailableError("table workflows: no answer", true);
    };
    const throttle = makeSharedThrottle({ store: { read: away, save: away }, clock });
    await throttle.refused(startMs + 30_000, startMs);

    await clock.run(throttle.admit(aCall()));

    expect(clock.now()).toBe(startMs + 30_000);
  });

  it("costs no more than a read a second while nobody was told to wait and no limit is set", async () => {
    const deployment = await world();

    await deployment.clock.run(busy(deployment, deployment.process(), { lanes: 16, callMs: 10 }));

    expect(deployment.calls.reads).toBeLessThanOrEqual(31);
    expect(deployment.calls.saves).toBe(0);
  });
});

/** Runs one busy process against a peer that allows `calls` in fixed windows of a second that begin with a request. */
async function againstPeer(deployment: World, allowed: number, seconds: number) {
  const throttle = deployment.process();
  let [windowEnds, inWindow, served, refused, refusedLate] = [0, 0, 0, 0, 0];
  const lane = async (): Promise<void> => {
    while (deployment.clock.now() < startMs + seconds * 1_000) {
      await throttle.admit(aCall());
      const began = deployment.clock.now();
      if (began >= windowEnds) [windowEnds, inWindow] = [began + 1_000, 0];
      inWindow += 1;
      const isRefused = inWindow > allowed;
      const until = began + Math.ceil((windowEnds - began) / 1_000) * 1_000;
      await deployment.clock.sleep(20);
      if (!isRefused) served += 1;
      else {
        refused += 1;
        if (began > startMs + (seconds * 1_000) / 2) refusedLate += 1;
        await throttle.refused(until, began);
      }
    }
  };
  await deployment.clock.run(Promise.all(Array.from({ length: 8 }, lane)));
  return { served, refused, refusedLate, share: served / (allowed * seconds) };
}

describe("a peer that answers 429", () => {
  it("never does when the limit set is the one it has, and is used to 95 %", async () => {
    const deployment = await world({ calls: 50, windowMs: 1_000 });

    const { refused, share } = await againstPeer(deployment, 50, 60);

    expect(refused).toBe(0);
    expect(share).toBeGreaterThanOrEqual(0.95);
  });

  it.each([
    ["no limit is set", undefined],
    ["the limit set is four times too high", { calls: 200, windowMs: 1_000 }],
  ])("is soon asked little more than it allows, and not much less either, when %s", async (_when, limit) => {
    const deployment = await world(limit);

    const { served, refusedLate, share } = await againstPeer(deployment, 50, 240);

    expect(refusedLate / (served / 2)).toBeLessThan(0.02);
    expect(share).toBeGreaterThan(0.66);
  });
});
