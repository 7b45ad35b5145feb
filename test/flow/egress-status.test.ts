import { beforeEach, describe, expect, it } from "vitest";
import { UnavailableError } from "../../shared/errors.js";
import { checkEventsNow } from "../../shared/flows/check-events.js";
import { runPull } from "../../shared/flows/run-pull.js";
import { eventTypes } from "../../shared/model/email-event.js";
import { type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { type EgressWorld, makeEgressWorld } from "../support/egress-world.js";

const minute = 60_000;
const pace = { pageSize: 2, pagesAtOnce: 1, narrowMs: 2 * minute, wideMs: 30 * minute, wideEveryMs: 15 * minute };

let egress: EgressWorld;
let own: ControlWorld;
let runs: number;
beforeEach(async () => {
  egress = makeEgressWorld();
  own = await makeControlWorld();
  own.world.clock.advance(egress.clock.now() - own.world.clock.now());
  egress.ports.stopped = async () => ((await own.control.isWanted("egress")) ? undefined : "egress is stopped");
  runs = 0;
  own.ports.egress = {
    ports: egress.ports,
    by: "rest",
    tables: new Map(eventTypes.map((type) => [`acs_email${type}`, type])),
    redrive: undefined,
    newId: () => "redrive",
  };
  own.ports.usageToday = async () => ({ "list events": 7, "insert profile": 3 });
});

const later = (ms: number) => {
  egress.clock.advance(ms);
  own.world.clock.advance(ms);
};
const run = () => runPull(egress.ports, pace, egress.clock.now() + 10 * minute, `run-${++runs}`);
const at = () => new Date(egress.clock.now()).toISOString();

type Json = Record<string, unknown>;
async function status(): Promise<{ workflow: Json; egress: Json }> {
  const { status, body } = await own.ask("GET", "/status");
  expect(status).toBe(200);
  const workflow = (body.workflows as Json[]).find(({ name }) => name === "egress") ?? {};
  return { workflow, egress: (body.egress ?? {}) as Json };
}
const stop = () => own.ask("POST", "/workflows/egress/stop", { headers: { "x-operator": "ada" } });
const start = () => own.ask("POST", "/workflows/egress/start", { headers: { "x-operator": "ada" } });

describe("the status of egress", () => {
  it("says STARTING before the first run and RUNNING after it, with types, checkpoint, lag, sums and calls", async () => {
    const before = await status();
    const on = at();
    await run();
    later(minute);
    egress.types = ["send", "click"];
    egress.log("send");
    egress.log("open");
    const changed = at();
    later(minute);
    const ran = at();
    await run();
    later(30_000);

    const after = await status();

    expect(before.workflow).toMatchObject({ state: "STARTING", wanted: "running" });
    expect(after.workflow).toMatchObject({ state: "RUNNING", reasons: [] });
    expect(after.egress).toEqual({
      types: [
        { type: "send", since: on },
        { type: "click", since: on },
      ],
      tasks: ["click", "bounce"],
      source: "rest",
      readUpTo: changed,
      caughtUpAt: ran,
      lagMs: 30_000,
      lastRunAt: ran,
      lastSuccessAt: ran,
      events: { written: 1, existed: 0, noContact: 0, refused: 0, off: 1 },
      skipped: { "no-key": 1 },
      failures: { open: 0, orMore: false },
      findings: [],
      callsToday: { "list events": 7 },
    });
  });

  it("says STOPPED while no type is on, and why", async () => {
    egress.types = [];

    expect((await status()).workflow).toMatchObject({
      state: "STOPPED",
      reasons: [expect.stringContaining("EGRESS_TYPES")],
    });
  });

  it("shows what the checks found, and since when", async () => {
    const finding = { code: "staging-stopped" as const, message: "the workflow one is stopped", fix: "Start it." };
    await checkEventsNow({ ...egress.ports, ask: async () => [finding] }, "check");

    const shown = await status();

    expect(shown.egress).toMatchObject({ checkedAt: at(), findings: [{ ...finding, since: at() }] });
  });

  it("shows the error of the last run at once, and FAILED when none has ended well for a quarter of an hour", async () => {
    await run();
    const { readEvents } = egress.ports.source;
    egress.ports.source.readEvents = () => Promise.reject(new UnavailableError("campaign does not answer", false));
    later(minute);
    await run().catch(() => {});
    const early = await status();
    later(15 * minute);
    await run().catch(() => {});
    const late = await status();
    egress.ports.source.readEvents = readEvents;
    await run();

    expect(early.workflow).toMatchObject({
      state: "RUNNING",
      reasons: ["the last run failed: campaign does not answer"],
    });
    expect(late.workflow).toMatchObject({
      state: "FAILED",
      reasons: [expect.stringMatching(/^no run has finished since .* egress-pull$/), expect.any(String)],
    });
    expect((await status()).workflow).toMatchObject({ state: "RUNNING", reasons: [] });
  });
});

describe("a stop of egress", () => {
  it("begins nothing any more, leaves ingress alone, and is STOPPED a second later when nobody is at work", async () => {
    await run();
    egress.log("send");
    const stopped = await stop();
    const early = await status();
    later(1_001);

    const result = await run();
    const late = await status();

    expect(stopped).toMatchObject({ status: 200, body: { workflow: "egress", wanted: "stopped", drain: false } });
    expect(result).toBeUndefined();
    expect(early.workflow).toMatchObject({ state: "STOPPING" });
    expect(late.workflow).toMatchObject({ state: "STOPPED", by: "ada" });
    expect(egress.placed()).toEqual([]);
    expect(await own.control.current()).toMatchObject({ wanted: "running" });
  });

  it("is STOPPING while a page is in hand, and STOPPED when that is done", async () => {
    await run();
    for (let n = 0; n < 6; n += 1) egress.log("send");
    later(1_000);
    const during: unknown[] = [];
    const { write } = egress.ports.sink;
    egress.ports.sink.write = async (activities) => {
      if (during.length === 0) {
        await stop();
        later(2_000);
        during.push((await status()).workflow.state);
      }
      return write(activities);
    };

    const result = await run();

    expect(during).toEqual(["STOPPING"]);
    expect(result).toMatchObject({ upToDate: false, held: "egress is stopped" });
    expect(egress.placed()).toHaveLength(2);
    expect((await status()).workflow).toMatchObject({ state: "STOPPED" });
  });

  it("counts a run that was killed as at work for ten minutes after its last page", async () => {
    await run();
    egress.log("send");
    const inHand = new Promise<void>((resolve) => {
      egress.ports.sink.write = () => {
        resolve();
        return new Promise(() => {});
      };
    });
    void run();
    await inHand;
    await stop();
    later(9 * minute);
    const early = await status();
    later(2 * minute);

    expect(early.workflow).toMatchObject({ state: "STOPPING", reasons: [expect.stringContaining("page in hand")] });
    expect((await status()).workflow).toMatchObject({ state: "STOPPED" });
  });

  it("loses nothing: the first run after the start brings what happened meanwhile", async () => {
    await run();
    await stop();
    later(3 * minute);
    egress.log("send");
    later(60 * minute);
    await run();
    await start();
    const starting = await status();

    await run();

    expect(starting.workflow).toMatchObject({ state: "STARTING" });
    expect(egress.placed()).toHaveLength(1);
    expect((await status()).workflow).toMatchObject({ state: "RUNNING" });
  });
});

describe("notes of runs", () => {
  it("do not stand in the way of a run, wherever it is killed", async () => {
    for (let call = 1, wasKilled = true; wasKilled; call += 1) {
      for (const when of ["before", "after"] as const) {
        egress.log("send");
        egress.calls = 0;
        egress.kill = { call, when };
        await run().catch(() => {});
        wasKilled = egress.calls >= call;
        egress.kill = undefined;
        later(minute);
        await run();
        expect((await status()).workflow, `killed ${when} call ${call}`).toMatchObject({ state: "RUNNING" });
      }
    }
    expect(egress.placed().length).toBeGreaterThan(20);
  });
});
