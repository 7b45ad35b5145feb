import { beforeEach, describe, expect, it } from "vitest";
import { ConflictError, RefusedError, UnavailableError } from "../../shared/errors.js";
import { countPeriod, countRows } from "../../shared/flows/backfill-count.js";
import { type BackfillPace, backfillSlice } from "../../shared/flows/backfill-events.js";
import {
  type Backfill,
  cancelBackfill,
  earlierBackfills,
  orderBackfill,
  readBackfill,
} from "../../shared/flows/backfill-order.js";
import { type PullPace, pullEvents } from "../../shared/flows/pull-events.js";
import { activityIdOf, type EmailEvent, type EventType } from "../../shared/model/email-event.js";
import { type EgressWorld, Killed, makeEgressWorld } from "../support/egress-world.js";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const pace: BackfillPace = { pageSize: 3, lateMs: 30 * minute, retryMs: minute };
const pullPace: PullPace = {
  pageSize: 2,
  pagesAtOnce: 3,
  narrowMs: 2 * minute,
  wideMs: 30 * minute,
  wideEveryMs: 15 * minute,
};

let world: EgressWorld;
beforeEach(setUp);

function setUp(): void {
  world = makeEgressWorld();
}

const iso = (ms: number) => new Date(ms).toISOString();
/** So long before now. */
const ago = (ms: number) => iso(world.clock.now() - ms);
const past = (type: EventType, ms: number, more: Partial<EmailEvent> = {}) =>
  world.log(type, { at: ago(ms), changedAt: ago(ms), ...more });
const order = (more: Partial<Backfill> = {}) => {
  const types: EventType[] = ["send", "open", "click", "bounce"];
  const period = { from: ago(30 * day), to: ago(day) };
  return orderBackfill(world.history, { ...period, types, expected: 0, by: "ada", ...more });
};
const slice = (budgetMs = 10 * minute) => backfillSlice(world.history, pace, world.clock.now() + budgetMs);
const pull = () => pullEvents(world.ports, pullPace, world.clock.now() + 10 * minute);
const found = async () => (await readBackfill(world.ports.checkpoints)) ?? Promise.reject(new Error("there is none"));
const idsOf = (events: readonly EmailEvent[]) => events.map(({ id }) => id).sort();
/** Ten days of a busy past, four of them within one moment. */
function history(): EmailEvent[] {
  const types: EventType[] = ["send", "open", "click", "bounce"];
  const crowd = types.map((type) => past(type, 5 * day));
  return [...crowd, ...[20, 12, 9, 8, 4, 3, 2].map((days, n) => past(types[n % 4] ?? "send", days * day))];
}

describe("back-filling e-mail events", () => {
  it("brings the events of the period and types that were ordered, and no others", async () => {
    past("send", 31 * day);
    past("send", day);
    const wanted = [past("send", 30 * day), past("send", 2 * day), past("click", 3 * day)];
    past("open", 3 * day);
    await order({ types: ["send", "click"] });

    const done = await slice();

    expect(world.placed()).toEqual(idsOf(wanted));
    expect(done).toMatchObject({ state: "done", backfill: { phase: "done", sums: { written: 3, off: 1 } } });
  });

  it("brings no follow-up task, not even for a click of this morning", async () => {
    const clicked = past("click", 2 * hour);
    await order({ to: ago(hour) });

    await slice();

    expect(world.timeline.get(activityIdOf(clicked))).toMatchObject({ event: { id: clicked.id } });
    expect(world.timeline.get(activityIdOf(clicked))?.task).toBeUndefined();
  });

  it("accounts for every row it read: the sums are the rows", async () => {
    history();
    past("click", 6 * day, { url: "refused" });
    past("click", 6 * day, { contactKey: "c-9" });
    world.gone.add("c-9");
    await order({ types: ["send", "click"] });

    await slice();

    const { sums, skipped } = await found();
    const { rows, ...parts } = sums;
    const all = [...Object.values(parts), ...Object.values(skipped)].reduce((sum, count) => sum + count, 0);
    expect(parts).toMatchObject({ noContact: 1, refused: 1 });
    expect(skipped).toEqual({ "no-key": 1 });
    expect(rows).toBe(all);
    expect(world.refused).toHaveLength(1);
  });

  it("brings what a pull has seen before its type was switched on", async () => {
    world.types = ["send"];
    await pull();
    world.clock.advance(minute);
    const opened = world.log("open");
    const seen = await pull();
    world.types = ["send", "open"];
    world.clock.advance(hour);
    await pull();

    await order({ types: ["open"], from: ago(2 * hour), to: ago(30 * minute) });
    await slice();

    expect(seen).toMatchObject({ off: 1 });
    expect(world.placed()).toEqual([opened.id]);
  });

  it("changes nothing when the same period is ordered again, and a user's deletions stay", async () => {
    const [first] = history();
    await order();
    await slice();
    if (first) world.timeline.delete(activityIdOf(first));
    const before = world.placed();
    await order();

    await slice();

    expect(world.placed()).toEqual(before);
    expect(await found()).toMatchObject({ number: 2, sums: { written: 0, known: 11 } });
    expect(await earlierBackfills(world.ports.checkpoints)).toMatchObject([{ number: 1, sums: { written: 11 } }]);
  });

  it("goes on in the next slice from the last page of the one before", async () => {
    const events = history();
    await order();

    const states: string[] = [];
    while (states.at(-1) !== "done") states.push((await slice(0)).state);

    // Each begins with the row at which the one before ended, and one goes on within the crowd of a moment.
    expect(states).toEqual(["working", "working", "working", "working", "done"]);
    expect(world.placed()).toEqual(idsOf(events));
    expect((await found()).sums).toMatchObject({ written: 11, known: 3 });
  });

  it("reads the end of a fresh period once more when no row can come late any more", async () => {
    history();
    await order({ to: ago(0) });
    await slice();
    const waiting = await found();
    world.clock.advance(minute);
    const late = past("open", 10 * minute);

    const early = await slice();
    world.clock.advance(29 * minute);
    const done = await slice();

    expect(waiting).toMatchObject({ phase: "reading", waiting: expect.stringContaining("2026-03-01T12:30:00.000Z") });
    expect(early).toEqual({ state: "idle" });
    expect(done.state).toBe("done");
    expect(world.placed()).toContain(late.id);
  });

  it("finds a row that comes late behind a reading that goes on until it has grown old", async () => {
    for (const minutes of [40, 20, 12, 11, 10, 9]) past("send", minutes * minute);
    await order({ to: ago(0) });
    const { source } = world.history;
    const { readEvents } = source;
    let late: EmailEvent | undefined;
    source.readEvents = async (...asked) => {
      const page = await readEvents(...asked);
      // After the first page, which ended at twelve minutes ago.
      late ??= past("open", 15 * minute);
      world.clock.advance(25 * minute);
      return page;
    };
    await slice(hour);
    source.readEvents = readEvents;
    world.clock.advance(hour);

    const done = await slice();

    expect(done.state).toBe("done");
    expect(world.placed()).toContain(late?.id);
  });

  it("does nothing while nothing is ordered, or after the end", async () => {
    history();

    const before = await slice();
    await order();
    await slice();

    expect(before).toEqual({ state: "idle" });
    expect(await slice()).toEqual({ state: "idle" });
  });

  it("reads on from the last change when Campaign no longer knows the page that an earlier slice left", async () => {
    const events = history();
    await order({ from: ago(5 * day) });
    await slice(0);
    const { source } = world.history;
    const { readEvents } = source;
    const cursors: (string | undefined)[] = [];
    source.readEvents = async (since, cursor, size) => {
      cursors.push(cursor);
      if (cursor !== undefined) throw new RefusedError("the value of '_lineStart' is not valid", "bad-value");
      return readEvents(since, cursor, size);
    };
    await slice(0);
    source.readEvents = readEvents;

    await slice();

    expect(cursors).toEqual(["3", undefined]);
    expect(world.placed()).toEqual(idsOf(events.filter(({ changedAt }) => changedAt >= ago(5 * day))));
  });
});

describe("fresh events during a back-fill", () => {
  it("arrive with the pull they would arrive with anyway, and neither disturbs the other's checkpoint", async () => {
    await pull();
    const old = history();
    await order();
    const fresh: string[] = [];
    const { source } = world.history;
    const { readEvents } = source;
    source.readEvents = async (...asked) => {
      const page = await readEvents(...asked);
      // Another instance, while this page is in hand.
      world.clock.advance(minute);
      const { id } = world.log("click");
      const result = await pull();
      expect(result).toMatchObject({ written: 1, upToDate: true });
      expect(world.placed()).toContain(id);
      fresh.push(id);
      return page;
    };

    const done = await slice(hour);

    expect(done.state).toBe("done");
    expect(fresh).toHaveLength(4);
    expect(world.placed()).toEqual([...idsOf(old), ...fresh].sort());
    const tasks = [...world.timeline.values()].filter(({ task }) => task).map(({ event }) => event.id);
    expect(tasks.sort()).toEqual(fresh.sort());
  });

  it("go first: history waits for as long as the pull has not caught up", async () => {
    await pull();
    const old = history();
    await order();
    world.clock.advance(minute);
    for (let n = 0; n < 5; n += 1) world.log("open");
    await pullEvents(world.ports, pullPace, world.clock.now());

    const waiting = await slice();
    const placed = world.placed();
    await pull();
    const done = await slice();

    expect(waiting).toMatchObject({ state: "waiting", backfill: { waiting: "fresh events are read first" } });
    expect(placed).not.toContain(old[0]?.id);
    expect(done).toMatchObject({ state: "done" });
    expect(world.placed()).toEqual(expect.arrayContaining(idsOf(old)));
  });
});

describe("what a back-fill waits for", () => {
  it.each([
    ["an operator's stop", () => Object.assign(world, { stop: "egress is stopped" }), "egress is stopped"],
    ["a type that was switched off", () => Object.assign(world, { types: ["send", "open", "click"] }), "type bounce"],
    [
      "a closed gate",
      () => {
        const held = { peer: "dynamics" as const, until: 0, reason: "no answer" };
        world.ports.gates = { ...world.ports.gates, admit: async () => held };
      },
      "calls to dynamics are held back: no answer",
    ],
  ])("is %s: nothing is read until then, and it says so", async (_what, close, reason) => {
    const events = history();
    await order();
    const { types, stop } = world;
    const { gates } = world.ports;
    close();

    const waiting = await slice();
    const placed = world.placed();
    Object.assign(world, { types, stop });
    world.ports.gates = gates;
    await slice();

    expect(waiting).toMatchObject({ state: "waiting", backfill: { waiting: expect.stringContaining(reason) } });
    expect(placed).toEqual([]);
    expect(await found()).toMatchObject({ phase: "done" });
    expect((await found()).waiting).toBeUndefined();
    expect(world.placed()).toEqual(idsOf(events));
  });

  it("is a minute after an error, which it shows; the page that failed is done again", async () => {
    const events = history();
    await order();
    const { write } = world.ports.sink;
    world.ports.sink.write = () =>
      Promise.reject(new UnavailableError("Dynamics is away", true, { system: "dynamics" }));
    await expect(slice()).rejects.toThrow("Dynamics is away");
    world.ports.sink.write = write;

    const shown = await found();
    const soon = await slice();
    world.clock.advance(minute);
    await slice();

    expect(shown).toMatchObject({ phase: "reading", waiting: "Dynamics is away" });
    expect(soon).toEqual({ state: "idle" });
    expect(world.placed()).toEqual(idsOf(events));
  });
});

describe("ordering and cancelling", () => {
  it("refuses a second order while one is under way, and says how far that one is", async () => {
    history();
    await order();
    await slice(0);

    const second = order();

    await expect(second).rejects.toThrow(ConflictError);
    await expect(second).rejects.toThrow(/4 rows so far, up to 2026-02-20T12:00:00.000Z/);
  });

  it("ends one that is under way with the page in hand, and an order from there brings the rest", async () => {
    const events = history();
    await order();
    await slice(0);

    const was = await cancelBackfill(world.history);
    const cancelled = await found();
    const after = await slice();
    await order({ from: cancelled.reached });
    await slice();

    expect(was).toBe(true);
    expect(cancelled).toMatchObject({ phase: "done", cancelled: true, sums: { written: 3 } });
    expect(after).toEqual({ state: "idle" });
    expect(world.placed()).toEqual(idsOf(events));
    expect(await cancelBackfill(world.history)).toBe(false);
  });

  it("cancels against a slice at work: the slice stops at its next save and nothing undoes the end", async () => {
    history();
    await order();
    const { source } = world.history;
    const { readEvents } = source;
    source.readEvents = async (...asked) => {
      await cancelBackfill(world.history);
      return readEvents(...asked);
    };

    await expect(slice()).rejects.toThrow(ConflictError);

    expect(await found()).toMatchObject({ phase: "done", cancelled: true });
    expect(await slice()).toEqual({ state: "idle" });
  });

  it("leaves one of two slices at the same moment to work, and every event is there once", async () => {
    const events = history();
    await order();

    const outcomes = await Promise.allSettled([slice(), slice()]);
    await slice();

    const lost = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(lost.every(({ reason }) => reason instanceof ConflictError)).toBe(true);
    expect(world.placed()).toEqual(idsOf(events));
    expect(await found()).toMatchObject({ phase: "done" });
  });
});

describe("a process killed at any call while history is brought", () => {
  async function play(): Promise<EmailEvent[]> {
    const events = history();
    const clicked = past("click", 2 * day, { contactKey: "c-9" });
    world.gone.add("c-9");
    await world.throughKills(async () => {
      if ((await readBackfill(world.ports.checkpoints)) === undefined) await order();
    });
    while ((await world.throughKills(slice)).state !== "idle");
    expect(world.placed()).not.toContain(clicked.id);
    return events;
  }

  it("leaves every event of the period on the timeline once, and no task", async () => {
    await play();
    const all = world.calls;

    for (let call = 1; call <= all; call += 1) {
      for (const when of ["before", "after"] as const) {
        setUp();
        world.kill = { call, when };
        const events = await play();
        expect(world.placed(), `killed ${when} call ${call}`).toEqual(idsOf(events));
        expect([...world.timeline.values()].some(({ task }) => task)).toBe(false);
        const { rows, ...parts } = (await found()).sums;
        const skipped = Object.values((await found()).skipped);
        expect([...Object.values(parts), ...skipped].reduce((sum, count) => sum + count, 0)).toBe(rows);
      }
    }
    expect(all).toBeGreaterThan(40);
  });

  it("leaves at most one back-fill when it is killed while it is ordered or cancelled", async () => {
    for (let call = 1; call <= 8; call += 1) {
      for (const when of ["before", "after"] as const) {
        setUp();
        history();
        await order();
        await slice();
        [world.calls, world.kill] = [0, { call, when }];
        await order().catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
        world.kill = undefined;
        await cancelBackfill(world.history);
        await order();
        await slice();

        expect(await found()).toMatchObject({ phase: "done", cancelled: false });
        expect((await earlierBackfills(world.ports.checkpoints)).at(-1)).toMatchObject({ number: 1 });
      }
    }
  });
});

describe("counting a period", () => {
  const period = () => ({ from: ago(30 * day), to: ago(day) });

  it("tells a small one exactly, with what its rows are", async () => {
    history();
    past("send", 31 * day);
    past("send", hour);

    const counted = await countPeriod(world.history.source, period());

    expect(counted).toMatchObject({ rows: 11, orMore: false, by: "count", split: { exact: true } });
    expect(counted.split.types).toEqual({ send: 3, open: 3, click: 3, bounce: 2 });
  });

  it("asks Campaign for the number of a large one, and looks at places only for what its rows are", async () => {
    for (let n = 0; n < 5_000; n += 1) past(n % 2 === 0 ? "send" : "open", 2 * day + (n + 1) * 8 * minute);
    const { source } = world.history;
    world.calls = 0;

    const { rows, orMore, split } = await countPeriod(source, period());

    expect({ rows, orMore, exact: split.exact }).toEqual({ rows: 5_000, orMore: false, exact: false });
    expect(split.types.send / split.types.open).toBeCloseTo(1, 1);
    expect(world.calls).toBeLessThan(60);
  });

  it("looks where there are rows, though the period begins long before them", async () => {
    for (let n = 0; n < 2_400; n += 1) past(n < 1_200 ? "send" : "open", 2 * day + n * 1_000);

    const { split } = await countPeriod(world.history.source, { ...period(), from: "2020-01-01T00:00:00.000Z" });

    expect(split.types.send).toBeGreaterThan(600);
    expect(split.types.open).toBeGreaterThan(600);
  });

  it("says at least, when Campaign does not count and there is more than may be read", async () => {
    for (let n = 0; n < 2_500; n += 1) past("send", 2 * day + n * minute);
    const { source } = world.history;
    source.countSince = async () => undefined;

    const counted = await countRows(source, period());

    expect(counted.orMore).toBe(true);
    expect(counted.rows).toBeGreaterThanOrEqual(2_000);
    expect(counted.rows).toBeLessThan(2_500);
  });
});
