import { beforeEach, describe, expect, it } from "vitest";
import { backfillSlice } from "../../shared/flows/backfill-events.js";
import { orderBackfill } from "../../shared/flows/backfill-order.js";
import { pullEvents } from "../../shared/flows/pull-events.js";
import { type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { type EgressWorld, makeEgressWorld } from "../support/egress-world.js";

const hour = 3_600_000;
const day = 24 * hour;
const pace = { pageSize: 300, lateMs: hour / 2, retryMs: 60_000 };
const period = { from: "2026-01-01T00:00:00Z", to: "2026-02-28T00:00:00Z" };
const types = ["send", "open"];

let own: ControlWorld;
let egress: EgressWorld;
beforeEach(async () => {
  own = await makeControlWorld();
  egress = makeEgressWorld();
  own.ports.backfill = { ports: egress.history, pace, parallel: 3 };
  const { checkpoints, clock } = egress.ports;
  own.ports.ingress = { ...own.ports.ingress, checkpoints, clock };
});

/** So many events, one a minute, the last two days ago. */
function past(count: number): void {
  for (let n = 0; n < count; n += 1) {
    const changedAt = new Date(egress.clock.now() - 2 * day - n * 60_000).toISOString();
    egress.log(n % 4 === 0 ? "open" : "send", { at: changedAt, changedAt });
  }
}
const estimate = (more = {}) => own.ask("POST", "/egress/backfill/estimate", { body: { ...period, types, ...more } });
const order = (confirm?: unknown, more = {}) =>
  own.ask("POST", "/egress/backfill", {
    body: { ...period, types, ...(confirm !== undefined && { confirm }), ...more },
    headers: { "x-operator": "ada" },
  });
const look = async () => (await own.ask("GET", "/egress/backfill")).body;
const slice = (budgetMs = hour, pageSize = 300) =>
  backfillSlice(egress.history, { ...pace, pageSize }, egress.clock.now() + budgetMs);

describe("the estimate of a back-fill", () => {
  it("tells rows, activities, gigabytes, requests and hours, what it assumes, and orders nothing", async () => {
    past(1_200);

    const { status, body } = await estimate({ types: ["send"] });

    expect(status).toBe(200);
    expect(body).toMatchObject({
      rows: 1_200,
      orMore: false,
      by: "count",
      split: { exact: true, types: { send: 900, open: 300, click: 0, bounce: 0 } },
      activities: 900,
      tasks: 0,
      storage: { gigabytes: 0.004, bytesPerActivity: 4_000, from: "assumed" },
      requests: { campaign: 4, dynamics: 4 * 2 + 18 },
      pace: { rowsPerSecond: 37.5, from: "assumed" },
      hours: 0.01,
    });
    expect(await look()).toEqual({ earlier: [] });
  });

  it("reckons with the bytes it is given, and with the pace of the last back-fill", async () => {
    past(1_200);
    await order({ rows: 1_200 });
    const { write } = egress.ports.sink;
    egress.ports.sink.write = async (activities) => {
      egress.clock.advance(15_000);
      return write(activities);
    };
    await slice();

    const { body } = await estimate({ bytesPerActivity: 2_000 });

    expect(body).toMatchObject({
      storage: { gigabytes: 0.003, bytesPerActivity: 2_000, from: "request" },
      pace: { rowsPerSecond: expect.any(Number), from: "back-fill" },
    });
    expect((body.pace as { rowsPerSecond: number }).rowsPerSecond).toBeCloseTo(20, 0);
  });

  it("ends the period where the pull began, unless told otherwise", async () => {
    const begun = new Date(egress.clock.now()).toISOString();
    await pullEvents(
      egress.ports,
      { pageSize: 2, pagesAtOnce: 1, narrowMs: 1, wideMs: 1, wideEveryMs: 1 },
      egress.clock.now(),
    );
    egress.clock.advance(day);

    const { body } = await estimate({ to: undefined });

    expect(body).toMatchObject({ to: begun });
  });
});

describe("an order", () => {
  it("is carried out when the count is confirmed, with its progress and whoever gave it to be seen", async () => {
    past(1_000);

    const ordered = await order({ rows: 1_000 });
    egress.clock.advance(60_000);
    await slice(0, 500);
    const half = await look();
    await slice();

    expect(ordered).toMatchObject({ status: 202, body: { number: 1, phase: "reading", percent: 0, by: "ada" } });
    expect(half.backfill).toMatchObject({
      counts: { rows: 501, written: 500 },
      expectedRows: 1_000,
      skipped: { "no-key": 1 },
      estimatedEnd: expect.stringMatching(/^2026-03-01T12:01:59/),
    });
    expect((await look()).backfill).toMatchObject({
      phase: "done",
      cancelled: false,
      percent: 100,
      counts: { written: 1_000 },
    });
  });

  it("is refused without the count that was shown", async () => {
    expect(await order()).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: "body.confirm" }] } },
    });
  });

  it("is refused when there are notably more rows than confirmed, and says how many", async () => {
    past(1_200);

    const refused = await order({ rows: 1_000 });

    expect(refused).toMatchObject({ status: 409, body: { error: { code: "more-rows" } } });
    expect(refused.text).toContain("1200 rows, not 1000");
    expect(await order({ rows: 1_090 })).toMatchObject({ status: 202 });
  });

  it("wants it said that nobody knows how many there are, where Campaign does not count", async () => {
    past(2_500);
    egress.history.source.countSince = async () => undefined;
    const { body } = await estimate();

    const refused = await order({ rows: Number(body.rows) });
    const taken = await order({ rows: Number(body.rows), orMore: true });

    expect(body).toMatchObject({ orMore: true, by: "reading" });
    expect(refused).toMatchObject({ status: 409, body: { error: { code: "more-rows" } } });
    expect(refused.text).toContain("at least");
    expect(taken.status).toBe(202);
  });

  it("is refused for a type that is off", async () => {
    egress.types = ["send"];

    const refused = await order({ rows: 0 });

    expect(refused).toMatchObject({ status: 409, body: { error: { code: "type-off" } } });
    expect(refused.text).toContain("open");
  });

  it.each([
    ["the future", { to: "2026-03-02T00:00:00Z" }],
    ["a time before its beginning", { to: "2025-12-31T00:00:00Z" }],
  ])("is refused for a period that ends in %s", async (_what, more) => {
    expect(await order({ rows: 0 }, more)).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: "body.to" }] } },
    });
  });

  it("is refused while another is under way, which says how far it is", async () => {
    past(10);
    await order({ rows: 10 });

    const second = await order({ rows: 10 });

    expect(second).toMatchObject({ status: 409, body: { error: { code: "conflict" } } });
    expect(second.text).toContain("0 rows so far");
  });

  it("is refused where there is no history to ask for", async () => {
    own.ports.backfill = undefined;

    expect(await order({ rows: 0 })).toMatchObject({ status: 409, body: { error: { code: "no-history" } } });
    expect(await estimate()).toMatchObject({ status: 409 });
    expect(await look()).toEqual({ earlier: [] });
  });
});

describe("the end of a back-fill", () => {
  it("by an operator keeps what was written and where it got to; after the next one it is still to be read", async () => {
    past(1_000);
    await order({ rows: 1_000 });
    await slice(0, 500);

    const ended = await own.ask("DELETE", "/egress/backfill");
    const again = await own.ask("DELETE", "/egress/backfill");
    const cancelled = await look();
    const { reached } = cancelled.backfill as { reached: string };
    const { clock } = egress;
    await orderBackfill(egress.history, { ...period, from: reached, types: ["send"], expected: 0, by: "ada" });

    expect([ended.body, again.body]).toEqual([{ wasRunning: true }, { wasRunning: false }]);
    expect(cancelled.backfill).toMatchObject({ phase: "done", cancelled: true, counts: { written: 500 } });
    expect(Date.parse(reached)).toBeLessThan(clock.now() - 2 * day);
    expect(await look()).toMatchObject({ backfill: { number: 2 }, earlier: [{ number: 1, counts: { written: 500 } }] });
  });
});
