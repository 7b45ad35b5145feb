import { beforeEach, describe, expect, it } from "vitest";
import { MalformedError, UnavailableError } from "../../shared/errors.js";
import { changeCheckpoint } from "../../shared/flows/change-checkpoint.js";
import { toLines } from "../../shared/flows/gauges.js";
import { lagStep } from "../../shared/flows/lag.js";
import { readAlarms } from "../../shared/flows/monitor.js";
import { asRun } from "../../shared/flows/run-notes.js";
import { type MonitorWorld, makeMonitorWorld, named } from "../support/monitor-world.js";
import { aFailure, recordId } from "../support/samples.js";

const hourMs = 3_600_000;
let own: MonitorWorld;
beforeEach(async () => {
  own = await makeMonitorWorld();
});
const edit = (number: number, lastname = "Abendrot") => own.world.dynamics.put(recordId(number), { lastname });
const later = (ms: number) => own.world.clock.advance(ms);

describe("a secret that ends", () => {
  it("is an alarm when its time comes, in health's words, which goes when its date does", async () => {
    const at = own.world.clock.now() + 8 * 24 * hourMs;
    own.monitor.secrets = [{ setting: "CAMPAIGN_CLIENT_SECRET", at }];
    await own.look();
    const soon = named(await own.pass(1));
    later(2 * 24 * hourMs);

    const now = await own.look();
    own.monitor.secrets = [];
    const { ended } = await own.look();

    expect(soon).toEqual(["secret-within-month CAMPAIGN_CLIENT_SECRET"]);
    const alarm = now.findings.find(({ about }) => about === "CAMPAIGN_CLIENT_SECRET");
    expect(alarm).toMatchObject({ code: "secret-within-week", level: "error", fix: expect.stringContaining("Rotate") });
    expect(ended.map(({ code }) => code)).toContain("secret-within-week");
  });
});

describe("the monitor, while all is well", () => {
  it("raises nothing, through loads, edits and quiet hours", async () => {
    const found: string[] = [];
    for (let hour = 0; hour < 3; hour += 1) {
      edit(hour);
      found.push(...named(await own.pass(40)));
    }

    expect(found).toEqual([]);
    expect(own.world.profiles()).toHaveLength(3);
  });

  it("says nothing against a new app that has not swept yet, before the time is over", async () => {
    const early = await own.pass(14, { sweeps: false });

    expect(named(early)).toEqual([]);
  });

  it("writes one line of numbers for each kind there is something of", async () => {
    edit(1);
    await own.pass(2);
    await own.ports.failures.report(aFailure({ id: recordId(2) }));
    own.tallies.campaign.count("insert profile");
    own.tallies.dynamics.count("read changes of contact");
    for (const lagMs of [400, 4_000, 3_600_000]) own.tallies.lag.count(lagStep("notice", lagMs));

    const lines = toLines((await own.look()).gauges);

    expect(lines).toEqual([
      { event: "measured backlog", facts: { "changes.waiting": 0, "changes.dead": 0, "changes.oldest": 0 } },
      { event: "measured checkpoints", facts: { "contact.age": 0 } },
      { event: "measured flows", facts: { "ingress.since-success": 0 } },
      { event: "measured calls", facts: { "campaign.insert profile": 1, "dynamics.read changes of contact": 1 } },
      { event: "measured lag", facts: { "lag.within-1s": 1, "lag.within-5s": 1, "lag.later": 1 } },
      { event: "measured state", facts: { "failures.open": 1, "tables.parked": 0 } },
    ]);
  });

  it("counts calls and lag since the look before, across midnight too, and nothing at its first look", async () => {
    own.world.clock.advance(24 * hourMs - 90_000);
    own.tallies.campaign.count("insert profile");
    const first = await own.look();
    own.tallies.campaign.count("insert profile");
    own.tallies.lag.count("within-1s");
    const second = await own.look();
    own.tallies.campaign.count("insert profile");
    later(120_000);
    own.tallies.campaign.count("insert profile");
    const third = await own.look();

    const counts = [first, second, third].map(({ gauges }) =>
      gauges
        .filter(({ kind }) => kind === "calls" || kind === "lag")
        .map(({ of, what, value }) => `${of} ${what} ${value}`),
    );
    expect(counts).toEqual([[], ["campaign insert profile 1", "lag within-1s 1"], ["campaign insert profile 2"]]);
  });

  it("asks neither Dynamics nor Campaign for anything", async () => {
    await own.pass(2);
    const calls = own.world.campaignCalls();
    own.world.dynamics.readChanges = async () => {
      throw new Error("asked");
    };

    await own.pass(2, { sweeps: false });

    expect(own.world.campaignCalls()).toBe(calls);
  });
});

describe("the monitor, when messages wait", () => {
  beforeEach(async () => {
    await own.pass(2);
  });

  it("names the queue once none was completed for a quarter of an hour, whatever still arrives, and says when it is over", async () => {
    const found: string[][] = [];
    for (let minute = 0; minute < 20; minute += 1) {
      edit(minute);
      found.push(named(await own.pass(1, { works: false })));
    }
    const over = await own.pass(1);

    expect(found.findIndex((names) => names.includes("queue-stalled changes"))).toBeGreaterThanOrEqual(14);
    expect(found.at(-1)).toEqual(["queue-stalled changes"]);
    expect(over.findings).toEqual([]);
    expect(over.ended.map(({ code }) => code)).toEqual(["queue-stalled"]);
  });

  it("names a single lane that is stuck while another one works", async () => {
    edit(1);
    await own.pass(1, { works: false });
    const [stuck = ""] = own.world.queue.readyLanes();
    const held = own.world.queue.receive(stuck);

    let last = await own.look();
    for (let minute = 0; minute < 20; minute += 1) {
      edit(100 + minute);
      // As functions/ingress-write.ts does for every record.
      own.tallies.lag.count(lagStep("sweep", 300));
      last = await own.pass(1);
    }

    expect(held).toBeDefined();
    expect(named(last)).toEqual([`lane-stalled ${stuck}`]);
  });

  it("takes messages that keep being tried for work: each try makes them new", async () => {
    edit(1);
    own.world.ports.campaign = {
      ...own.world.ports.campaign,
      insert: async () => {
        throw new UnavailableError("away", false, { system: "campaign" });
      },
    };

    expect(named(await own.pass(30)).filter((name) => name.startsWith("queue"))).toEqual([]);
  });

  it.each([
    ["stopped and held", async () => void (await own.control.stop(false, "ada"))],
    [
      "held by a gate",
      async () => void own.gates.push({ peer: "campaign", state: "closed", since: at(), reason: "429" }),
    ],
  ])("does not take a queue that is %s for a stalled one", async (_why, hold) => {
    edit(1);
    await own.pass(1, { works: false });
    await hold();

    const last = await own.pass(20, { sweeps: false, works: false });

    expect(named(last).filter((name) => /^(queue|lane|no-success|checkpoint|oldest)/.test(name))).toEqual([]);
  });

  it("names a queue that cannot be looked at, and forgets nothing about it", async () => {
    edit(1);
    await own.pass(10, { works: false });
    const [watched] = own.monitor.queues;
    own.monitor.queues = [{ queue: "changes", look: async () => Promise.reject(new UnavailableError("gone", false)) }];
    const blind = await own.pass(3, { works: false });
    own.monitor.queues = watched ? [watched] : [];

    const seen = await own.pass(3, { works: false });

    expect(named(blind)).toEqual(["not-measured changes"]);
    expect(named(seen)).toEqual(["queue-stalled changes"]);
  });

  it("names the queue of notices too, though ingress is stopped: what is on it is taken and dropped then", async () => {
    const heads = new Map([["", { position: "7", at: own.world.clock.now() }]]);
    own.monitor.queues = [{ queue: "dataverse-notices", look: async () => ({ waiting: 1, dead: 0, heads }) }];
    await own.control.stop(true, "ada");

    expect(named(await own.pass(16))).toEqual(["queue-stalled dataverse-notices"]);
  });

  it("warns of a message that has waited for an hour behind others", async () => {
    for (let number = 0; number < 90; number += 1) edit(number);
    await own.pass(1, { works: false });
    const lanes = own.world.queue.readyLanes();
    let last = await own.look();
    for (let minute = 0; minute < 65; minute += 1) {
      if (minute % 5 === 0) for (const lane of lanes) complete(lane);
      last = await own.pass(1, { works: false });
    }

    expect(named(last)).toEqual(["oldest-message changes"]);
  });
});

describe("the monitor, when a flow gets nowhere", () => {
  it("names a sweep that no longer runs, and not each of its tables", async () => {
    await own.pass(2);

    expect(named(await own.pass(16, { sweeps: false }))).toEqual(["no-success ingress"]);
  });

  it("names e-mail events that no run brings, and leaves a long run alone that still writes pages", async () => {
    const { checkpoints, clock } = own.world.ports;
    own.monitor.bringsEvents = true;
    await asRun({ checkpoints, clock }, "first", true, async () => {});
    const silent = named(await own.pass(16));
    const writing: string[] = [];
    for (let minute = 0; minute < 20; minute += 1) {
      await changeCheckpoint(checkpoints, ["egress", "events"], (values) => ({ ...values, at: at() }));
      writing.push(...named(await own.pass(1)));
    }

    expect(silent).toEqual(["no-success egress"]);
    expect(writing).toEqual([]);
  });

  it("names one table that is not read while the others are", async () => {
    const table = { name: "acme_visit", set: "acme_visits", id: "acme_visitid" };
    const two = await makeMonitorWorld({
      mappings: [own.world.mapping("contact"), { ...own.world.mapping("contact"), table }],
    });
    await two.pass(1);
    const { readChanges } = two.world.dynamics;
    two.world.ports.dynamics = {
      ...two.world.dynamics,
      readChanges: async (mapping, link) => {
        if (mapping.table.name === "acme_visit") throw new MalformedError("no delta link");
        return readChanges(mapping, link);
      },
    };

    expect(named(await two.pass(17))).toContain("checkpoint-old acme_visit");
  });

  it("names a workflow that somebody stopped a day ago, until it is started", async () => {
    await own.pass(1);
    await own.control.stop(true, "ada");
    later(25 * hourMs);
    const forgotten = await own.pass(1);
    await own.control.start("ada");
    const started = await own.pass(1);

    expect(named(forgotten)).toEqual(["stopped-long ingress"]);
    expect(named(started)).toEqual([]);
  });

  it("names a table that somebody parked a day ago, and the token that grows old meanwhile", async () => {
    await own.pass(1);
    await own.control.setAside("contact", "columns are being moved", "ada");
    later(25 * hourMs);
    const parked = await own.pass(1);
    later(5 * 24 * hourMs);
    const old = await own.pass(1);

    expect(named(parked)).toEqual(["parked-long contact"]);
    expect(named(old)).toEqual(["token-ages contact", "parked-long contact"]);
  });

  it("names a gate that has been closed for a quarter of an hour, with its reason", async () => {
    own.gates.push({ peer: "campaign", state: "closed", since: at(), reason: "campaign answered 503" });

    const last = await own.pass(16, { sweeps: false });

    expect(last.findings).toMatchObject([{ code: "gate-closed", about: "campaign", message: /503/ }]);
  });

  it("names failures that pile up", async () => {
    own.monitor.limits = { ...own.monitor.limits, openFailures: 2 };
    await own.ports.failures.report(aFailure());
    const one = await own.look();
    await own.ports.failures.report(aFailure({ id: recordId(2) }));

    const two = await own.look();

    expect([named(one), named(two)]).toEqual([[], ["many-failures"]]);
  });

  it("keeps since when an alarm stands, and lets whoever asks read it with what to do", async () => {
    await own.pass(2);
    const first = await own.pass(16, { sweeps: false });
    const later = await own.pass(5, { sweeps: false });

    const { alarms, at: lookedAt } = await readAlarms(own.world.ports.checkpoints);

    expect(later.findings[0]?.since).toBe(first.findings[0]?.since);
    expect(lookedAt).toBe(at());
    expect(alarms).toMatchObject([{ code: "no-success", about: "ingress", level: "error", fix: /restart the app/ }]);
  });

  it("loses no alarm when it is killed at any of its calls, and raises none twice", async () => {
    await own.pass(2);
    await own.pass(15, { sweeps: false });
    const { world } = own;
    for (let call = 1; call < 30; call += 1) {
      world.killAt({ call, when: call % 2 === 0 ? "before" : "after" });
      await own.look().catch(() => {});
      world.restart();
    }

    expect(named(await own.look())).toEqual(["no-success ingress"]);
  });
});

function at(): string {
  return new Date(own.world.clock.now()).toISOString();
}

function complete(lane: string): void {
  const delivery = own.world.queue.receive(lane);
  if (delivery) own.world.queue.complete(delivery);
}
