import { beforeEach, describe, expect, it } from "vitest";
import { UnavailableError } from "../../shared/errors.js";
import { type PullPace, pullEvents } from "../../shared/flows/pull-events.js";
import { activityIdOf, type EmailEvent, taskIdOf } from "../../shared/model/email-event.js";
import { type EgressWorld, makeEgressWorld } from "../support/egress-world.js";
import { recordId } from "../support/samples.js";

const minute = 60_000;
const pace: PullPace = {
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

const pull = () => pullEvents(world.ports, pace, world.clock.now() + 10 * minute);
const pullThroughKills = () => world.throughKills(pull);
const later = (ms: number) => world.clock.advance(ms);

describe("pulling e-mail events", () => {
  it("begins at now: what happened before the first run stays in Campaign", async () => {
    world.log("open");
    later(5 * minute);
    await pull();
    later(minute);
    const after = world.log("open");

    await pull();

    expect(world.placed()).toEqual([after.id]);
  });

  it("places every type that is on, each event once, and counts what is off", async () => {
    world.types = ["send", "click"];
    await pull();
    later(minute);
    const [sent, clicked] = [world.log("send"), world.log("click")];
    world.log("open");

    const first = await pull();
    const second = await pull();

    expect(world.placed()).toEqual([sent.id, clicked.id].sort());
    expect(first).toMatchObject({ written: 2, off: 1, upToDate: true });
    expect(second).toMatchObject({ written: 0, known: 2 });
  });

  it("starts a type at the moment it is switched on, and reads nothing while none is", async () => {
    world.types = [];
    await pull();
    later(minute);
    world.log("send");
    world.types = ["send"];
    later(minute);
    await pull();
    later(minute);
    const after = world.log("send");

    await pull();

    expect(world.placed()).toEqual([after.id]);
  });

  it("finds rows that come late, by the wide look back, and rows with equal timestamps across pages", async () => {
    await pull();
    later(20 * minute);
    const ties = [world.log("send"), world.log("send"), world.log("send"), world.log("send"), world.log("send")];
    await pull();
    const late = world.log("open", { changedAt: new Date(world.clock.now() - 10 * minute).toISOString() });
    later(16 * minute);

    await pull();

    expect(world.placed()).toEqual([...ties, late].map(({ id }) => id).sort());
  });

  it("takes a bounce that comes a week after its send as an event of its own", async () => {
    await pull();
    const sent = world.log("send");
    await pull();
    later(7 * 24 * 60 * minute);
    const bounced = world.log("bounce", { at: sent.at });

    await pull();

    expect(world.placed()).toEqual([sent.id, bounced.id].sort());
    expect(world.timeline.get(activityIdOf(bounced))?.task).toBeUndefined();
  });

  it("gives merged contacts' events to the master, and accounts for those whose contact is gone", async () => {
    await pull();
    world.merged.set("c-2", "7");
    world.gone.add("c-3");
    const [ofMerged] = [world.log("open", { contactKey: "c-2" }), world.log("open", { contactKey: "c-3" })];

    const result = await pull();

    expect([...world.timeline.values()].map(({ contact }) => contact)).toEqual([recordId(7)]);
    expect(world.placed()).toEqual([ofMerged.id]);
    expect(result).toMatchObject({ written: 1, noContact: 1 });
  });

  it("leaves alone what a user deleted from the timeline, however often the rows come again", async () => {
    await pull();
    const event = world.log("click");
    await pull();
    world.timeline.delete(activityIdOf(event));
    later(16 * minute);

    await pull();

    expect(world.placed()).toEqual([]);
  });

  it("makes follow-up tasks for the types that bring them", async () => {
    await pull();
    const [clicked, opened] = [world.log("click"), world.log("open")];

    await pull();

    expect(world.timeline.get(activityIdOf(clicked))?.task).toEqual({ id: taskIdOf(clicked) });
    expect(world.timeline.get(activityIdOf(opened))?.task).toBeUndefined();
  });

  it("reports a refused event and goes on with its neighbours", async () => {
    await pull();
    const [bad, good] = [world.log("click", { url: "refused" }), world.log("click")];

    const result = await pull();

    expect(world.refused).toEqual([bad.id]);
    expect(world.placed()).toEqual([good.id]);
    expect(result).toMatchObject({ written: 1, refused: 1 });
  });

  it("moves no checkpoint over a page that Dynamics did not take", async () => {
    await pull();
    const event = world.log("open");
    const { write } = world.ports.sink;
    world.ports.sink.write = () =>
      Promise.reject(new UnavailableError("Dynamics is away", true, { system: "dynamics" }));
    await expect(pull()).rejects.toThrow("Dynamics is away");
    world.ports.sink.write = write;

    await pull();

    expect(world.placed()).toEqual([event.id]);
  });

  it("changes nothing when it is run again from any earlier checkpoint", async () => {
    await pull();
    const before = await world.ports.checkpoints.read("egress", "events");
    for (const type of ["send", "open", "click"] as const) world.log(type);
    await pull();
    world.timeline.delete(activityIdOf(world.rows[0] as EmailEvent));
    const after = world.placed();
    const now = await world.ports.checkpoints.read("egress", "events");
    await world.ports.checkpoints.save("egress", "events", before?.values ?? {}, now?.etag);

    const result = await pull();

    expect(result).toMatchObject({ written: 0, known: 3 });
    expect(world.placed()).toEqual(after);
  });
});

describe("a process killed at any call while events are pulled", () => {
  async function play(): Promise<void> {
    await pullThroughKills();
    later(minute);
    for (const type of ["send", "open", "click", "bounce"] as const) world.log(type);
    world.gone.add("c-9");
    world.log("open", { contactKey: "c-9" });
    await pullThroughKills();
    later(16 * minute);
    world.log("click", { changedAt: new Date(world.clock.now() - 12 * minute).toISOString() });
    await pullThroughKills();
  }

  it("leaves every event on the timeline once, and its task once", async () => {
    await play();
    const all = world.calls;

    for (let call = 1; call <= all; call += 1) {
      for (const when of ["before", "after"] as const) {
        setUp();
        world.kill = { call, when };
        await play();
        expect(world.timeline.size, `killed ${when} call ${call}`).toBe(5);
      }
    }
    expect(all).toBeGreaterThan(25);
  });
});
