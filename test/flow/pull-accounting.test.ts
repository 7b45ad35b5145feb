import { beforeEach, describe, expect, it } from "vitest";
import { RefusedError } from "../../shared/errors.js";
import { sumsOf } from "../../shared/flows/checkpoint-sums.js";
import type { EventPage, HistorySource, SkippedRow } from "../../shared/flows/egress-ports.js";
import { type PullPace, pullEvents, pullSums, readPull } from "../../shared/flows/pull-events.js";
import type { EmailEvent } from "../../shared/model/email-event.js";
import { type EgressWorld, makeEgressWorld } from "../support/egress-world.js";

const minute = 60_000;
const pace: PullPace = {
  pageSize: 2,
  pagesAtOnce: 3,
  narrowMs: 2 * minute,
  wideMs: 30 * minute,
  wideEveryMs: 15 * minute,
};

let world: EgressWorld;
/** Rows that are no events. */
let others: Required<SkippedRow>[];
/** Runs before the page of this number of a reading is shown. */
let beforePage: ((page: number) => void) | undefined;

beforeEach(setUp);

function setUp(): void {
  world = makeEgressWorld();
  [others, beforePage] = [[], undefined];
  world.ports.source = world.mortal(source());
}

/** Events and other rows in the order of their changes, in pages that count rows: one that moves meanwhile hides another. */
function source(): HistorySource {
  const rows = (since: string): (EmailEvent | Required<SkippedRow>)[] =>
    [...world.rows, ...others]
      .filter(({ changedAt }) => changedAt >= since)
      .sort((a, b) => (a.changedAt < b.changedAt ? -1 : 1));
  return {
    async readEvents(since, cursor, size) {
      const from = Number(cursor ?? 0);
      beforePage?.(from / size);
      const all = rows(since);
      const part = all.slice(from, from + size);
      const page: EventPage = {
        events: part.filter((row): row is EmailEvent => "id" in row),
        skipped: part.filter((row): row is Required<SkippedRow> => "key" in row),
      };
      const upTo = part.at(-1)?.changedAt;
      return {
        ...page,
        ...(from + size < all.length && { next: String(from + size) }),
        ...(upTo !== undefined && { upTo }),
      };
    },
    oldestChange: async () => rows("")[0]?.changedAt,
    countSince: async (since) => rows(since).length,
  };
}

const now = () => new Date(world.clock.now()).toISOString();
const ago = (ms: number) => new Date(world.clock.now() - ms).toISOString();
const later = (ms: number) => world.clock.advance(ms);
const pull = () => pullEvents(world.ports, pace, world.clock.now() + 10 * minute);
const skip = (reason: SkippedRow["reason"], changedAt = now()) =>
  void others.push({ reason, key: `R-${others.length}`, changedAt });
async function sums(): Promise<Record<string, number>> {
  const { sums, others } = sumsOf(await readPull(world.ports.checkpoints), pullSums);
  return { ...sums, ...others };
}

describe("the sums of what was pulled", () => {
  it("count every row once, though overlaps show it again and again, at equal times over many pages", async () => {
    await pull();
    later(minute);
    world.types = ["send", "open"];
    for (let index = 0; index < 5; index += 1) {
      skip("no-key");
      world.log("send");
      world.log("click");
    }
    for (let minutes = 0; minutes < 40; minutes += 1) {
      await pull();
      later(minute);
    }

    expect(await sums()).toEqual({ written: 5, existed: 0, noContact: 0, refused: 0, off: 5, "no-key": 5 });
  });

  it("count rows that come late, once, however often the wide look shows them", async () => {
    await pull();
    later(20 * minute);
    world.log("send");
    await pull();
    skip("soft-bounce", ago(10 * minute));
    world.log("open", { changedAt: ago(10 * minute) });
    for (let times = 0; times < 4; times += 1) {
      later(8 * minute);
      await pull();
    }

    expect(await sums()).toMatchObject({ written: 2, "soft-bounce": 1 });
  });

  it("do not count an event again whose row changed, nor one that is tried again because of that", async () => {
    await pull();
    const [sent, refused] = [world.log("send"), world.log("click", { url: "refused" })];
    await pull();
    later(5 * minute);
    Object.assign(sent, { changedAt: now() });
    Object.assign(refused, { changedAt: now(), url: "" });

    const result = await pull();

    expect(result).toMatchObject({ written: 1, known: 1 });
    expect(world.placed()).toEqual([sent.id, refused.id].sort());
    expect(await sums()).toMatchObject({ written: 1, refused: 1 });
  });

  async function play(): Promise<void> {
    const run = () => world.throughKills(pull);
    await run();
    later(minute);
    for (const type of ["send", "open", "click"] as const) world.log(type);
    world.gone.add("c-9");
    world.log("open", { contactKey: "c-9" });
    world.log("click", { url: "refused" });
    skip("no-key");
    skip("malformed");
    await run();
    world.types = ["send", "click", "bounce"];
    later(minute);
    world.log("open");
    world.log("bounce");
    await run();
    later(16 * minute);
    skip("no-key", ago(12 * minute));
    await run();
    later(16 * minute);
    await run();
  }

  it("are the same wherever a process was killed, but for activities found written already", async () => {
    await play();
    const all = world.calls;
    const clean = await sums();

    expect(clean).toEqual({ written: 4, existed: 0, noContact: 1, refused: 1, off: 1, "no-key": 2, malformed: 1 });
    for (let call = 1; call <= all; call += 1) {
      for (const when of ["before", "after"] as const) {
        setUp();
        world.kill = { call, when };
        await play();
        const { written, existed, ...rest } = await sums();
        expect(
          { written: Number(written) + Number(existed), existed: 0, ...rest },
          `killed ${when} call ${call}`,
        ).toEqual(clean);
      }
    }
    expect(all).toBeGreaterThan(60);
  }, 60_000);

  it("are the same when two hosts pull at the same time", async () => {
    await pull();
    later(minute);
    for (let index = 0; index < 7; index += 1) {
      world.log("send");
      skip("other-type");
    }

    await Promise.allSettled([pull(), pull()]);
    await pull();

    const { written, existed, ...rest } = await sums();
    expect(world.timeline.size).toBe(7);
    expect([Number(written) + Number(existed), rest["other-type"]]).toEqual([7, 7]);
  });
});

describe("a reading of many pages", () => {
  const many = (count: number) => {
    for (let index = 0; index < count; index += 1) {
      later(1_000);
      world.log("send");
    }
  };

  it("ends between pages within a second of an operator's stop, and goes on from there after the start", async () => {
    await pull();
    many(20);
    beforePage = (page) => {
      if (page === 3) world.stop = "egress is stopped";
    };

    const stopped = await pull();
    const during = world.placed().length;
    const held = await pull();
    beforePage = undefined;
    world.stop = undefined;
    const from: string[] = [];
    beforePage = (page) => from.push(String(page));
    const after = await pull();

    expect(stopped).toMatchObject({ upToDate: false, held: "egress is stopped" });
    expect(during).toBeGreaterThanOrEqual(8);
    expect(during).toBeLessThan(20);
    expect(held).toMatchObject({ written: 0, held: "egress is stopped" });
    expect(from[0]).toBe(String(during / pace.pageSize));
    expect(after.upToDate).toBe(true);
    expect(world.placed()).toHaveLength(20);
  });

  it("looks back as far as ever after a long stop, though it had ended between pages", async () => {
    await pull();
    many(8);
    beforePage = (page) => {
      if (page === 2) world.stop = "egress is stopped";
    };
    await pull();
    beforePage = undefined;
    const late = world.log("open", { changedAt: ago(6_500) });
    later(5 * 60 * minute);
    world.stop = undefined;

    await pull();

    expect(world.placed()).toHaveLength(9);
    expect(world.placed()).toContain(late.id);
  });

  it("begins anew where Campaign does not know the place any more", async () => {
    await pull();
    many(10);
    await pullEvents(world.ports, { ...pace, pagesAtOnce: 1 }, world.clock.now());
    const { readEvents } = world.ports.source;
    world.ports.source.readEvents = (since, cursor, size) =>
      cursor === "2" ? Promise.reject(new RefusedError("no such page", "RST-1")) : readEvents(since, cursor, size);
    world.ports.source.readEvents = Object.assign(
      ((first) => (since: string, cursor: string | undefined, size: number) => {
        if (cursor !== undefined && first) {
          first = false;
          return Promise.reject(new RefusedError("no such page", "RST-1"));
        }
        return readEvents(since, cursor, size);
      })(true),
    );

    const result = await pull();

    expect(result.upToDate).toBe(true);
    expect(world.placed()).toHaveLength(10);
  });

  it("leaves a row that another one hid to the next wide reading, which begins where this one did", async () => {
    await pull();
    later(10 * minute);
    world.log("send");
    later(minute);
    const mover = world.log("open", { changedAt: ago(8 * minute) });
    const hidden = world.log("open", { changedAt: ago(6 * minute) });
    world.log("open", { changedAt: ago(7 * minute) });
    later(45 * minute);
    world.log("send");
    world.log("send");
    // The row of the first page gets a new change time before the second page is read.
    beforePage = (page) => {
      if (page === 1) mover.changedAt = now();
    };
    await pull();
    const missed = !world.placed().includes(hidden.id);
    beforePage = undefined;
    later(16 * minute);

    await pull();

    expect(missed).toBe(true);
    expect(world.placed()).toContain(hidden.id);
  });

  it("is held by a closed gate, and opens the gates of those that answer", async () => {
    await pull();
    world.log("send");
    const fine: string[] = [];
    let closed: { peer: "campaign"; until: number; reason: string } | undefined;
    world.ports.gates = {
      admit: async () => closed,
      trouble: async () => {},
      fine: async (peer) => void fine.push(peer),
    };
    closed = { peer: "campaign", until: world.clock.now() + 5_000, reason: "no answer" };
    const held = await pull();
    closed = undefined;

    const result = await pull();

    expect(held).toMatchObject({ written: 0, held: "calls to campaign are held back: no answer" });
    expect(result).toMatchObject({ written: 1 });
    expect(fine).toEqual(["campaign", "dynamics"]);
  });
});

describe("a pull after a long stop", () => {
  it("says which period is lost when rows were purged meanwhile, once", async () => {
    await pull();
    const caughtUp = now();
    later(40 * 24 * 60 * minute);
    const oldest = world.log("send");
    later(minute);

    const first = await pull();
    const second = await pull();

    expect(first).toMatchObject({ lost: { from: caughtUp, to: oldest.changedAt }, written: 1 });
    expect(second.lost).toBeUndefined();
    expect(await readPull(world.ports.checkpoints)).toMatchObject({ lostFrom: caughtUp, lostTo: oldest.changedAt });
  });

  it("says nothing of the kind when the last row it read is still there", async () => {
    await pull();
    world.log("send");
    await pull();
    later(5 * 60 * minute);
    world.log("send");

    expect((await pull()).lost).toBeUndefined();
  });

  it("brings nothing of the time in which every type was off", async () => {
    await pull();
    world.types = [];
    await pull();
    later(60 * minute);
    world.log("send");
    later(60 * minute);
    world.types = ["send"];
    await pull();
    later(minute);
    const after = world.log("send");

    await pull();

    expect(world.placed()).toEqual([after.id]);
  });
});
