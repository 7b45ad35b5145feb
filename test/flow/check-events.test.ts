import { beforeEach, describe, expect, it } from "vitest";
import { UnavailableError } from "../../shared/errors.js";
import { checkEventsNow, readFindings } from "../../shared/flows/check-events.js";
import type { EventFinding, EventsKnown } from "../../shared/flows/egress-ports.js";
import { pullEvents } from "../../shared/flows/pull-events.js";
import { type EgressWorld, makeEgressWorld } from "../support/egress-world.js";

const minute = 60_000;
const hour = 60 * minute;
const pace = { pageSize: 500, pagesAtOnce: 1, narrowMs: 2 * minute, wideMs: 30 * minute, wideEveryMs: 15 * minute };
const stopped = (workflow: string): EventFinding => ({
  code: "staging-stopped",
  about: workflow,
  message: `the workflow ${workflow} is stopped`,
  fix: "Start it.",
});

let world: EgressWorld;
let found: EventFinding[];
let asked: EventsKnown[];
beforeEach(() => {
  world = makeEgressWorld();
  [found, asked] = [[], []];
});

const check = () =>
  checkEventsNow(
    {
      ...world.ports,
      ask: async (known) => {
        asked.push(known);
        return found;
      },
    },
    "check",
  );
const pull = () => pullEvents(world.ports, pace, world.clock.now() + 10 * minute);
const later = (ms: number) => world.clock.advance(ms);
const at = () => new Date(world.clock.now()).toISOString();

describe("the check of the events' way", () => {
  it("keeps since when something is wrong, says what is new and what ended, and forgets what ended", async () => {
    const first = at();
    found = [stopped("one")];
    await check();
    later(hour);
    const second = at();
    found = [{ ...stopped("one"), message: "the workflow one is failed" }, stopped("other")];

    const both = await check();
    found = [stopped("other")];
    later(hour);
    const last = await check();

    expect(both?.findings.map(({ about, since }) => [about, since])).toEqual([
      ["one", first],
      ["other", second],
    ]);
    expect(both?.news.map(({ about }) => about)).toEqual(["other"]);
    expect(last?.ended.map(({ about }) => about)).toEqual(["one"]);
    expect(await readFindings(world.ports.checkpoints)).toMatchObject({ at: at(), findings: [{ about: "other" }] });
  });

  it("asks nobody while nothing is on or an operator stopped egress, and keeps what it knew", async () => {
    found = [stopped("one")];
    await check();
    world.stop = "egress is stopped";
    found = [];

    const held = await check();
    world.stop = undefined;
    world.types = [];
    const off = await check();

    expect([held, off]).toEqual([undefined, undefined]);
    expect(asked).toHaveLength(1);
    expect((await readFindings(world.ports.checkpoints)).findings).toHaveLength(1);
  });

  it("keeps what it knew when Campaign cannot be asked", async () => {
    found = [stopped("one")];
    await check();
    const broken = { ...world.ports, ask: () => Promise.reject(new UnavailableError("no answer", false)) };

    await expect(checkEventsNow(broken, "check")).rejects.toThrow("no answer");

    expect((await readFindings(world.ports.checkpoints)).findings).toHaveLength(1);
  });

  it("knows how far the pull is, and when that had read everything", async () => {
    await pull();
    later(minute);
    world.log("send");
    const read = at();
    await pull();
    later(30 * minute);
    await pull();
    const caughtUp = at();
    later(minute);

    await check();

    expect(asked).toMatchObject([{ since: read, caughtUpAt: caughtUp }]);
  });

  it("judges the rows of the last hundred or more, not those of all time, and keeps the judgement until as many have come again", async () => {
    await pull();
    await check();
    for (let n = 0; n < 150; n += 1) world.log("send");
    later(minute);
    await pull();
    await check();
    for (let n = 0; n < 20; n += 1) world.log("open");
    later(minute);
    await pull();
    await check();

    const [none, full, same] = asked.map(({ counts }) => counts);
    expect(none).toBeUndefined();
    expect(full).toEqual({ events: 150, noKey: 0, malformed: 0 });
    expect(same).toEqual(full);
  });

  it("tells of a lost period for a week after the pull found it", async () => {
    await pull();
    const from = at();
    later(40 * 24 * hour);
    world.log("send");
    const to = at();
    await pull();

    await check();
    later(6 * 24 * hour);
    await check();
    later(2 * 24 * hour);
    await check();

    expect(asked.map(({ lost }) => lost)).toEqual([{ from, to }, { from, to }, undefined]);
  });
});
