import { describe, expect, it } from "vitest";
import type { LoadPace } from "../../shared/flows/fill-lanes.js";
import { type FullReadMode, fullReadStream, orderFullRead } from "../../shared/flows/full-read.js";
import { sweep } from "../../shared/flows/sweep.js";
import type { Envelope } from "../../shared/model/envelope.js";
import { aField } from "../support/mappings.js";
import { contactsWithOptOuts, makeOptOutLane, type OptOutLane } from "../support/opt-out-lane.js";
import { recordId } from "../support/samples.js";

const pace: LoadPace = { pageSize: 2, maxDepth: 50, lanes: 2, pollMs: 10, followMs: 1_000 };
const directions = ["toCampaign", "toDynamics", "both"] as const;

async function sweepAndHandle(lane: OptOutLane): Promise<void> {
  await sweep(lane.world.busyPorts(), pace, lane.world.clock.now() + 60_000);
  await lane.handle();
}

const read = (mode: FullReadMode) => async (lane: OptOutLane) => {
  await orderFullRead(lane.world.ports, "contact", mode, `order-${mode}`);
  await sweepAndHandle(lane);
};
const all = [1, 2, 3, 4];
const tell = (changes: Partial<Envelope>) => (lane: OptOutLane) =>
  lane.handle(...all.map((n) => lane.bare(n, changes)));

/** What an operator or the ledger does, none of it a person's choice. */
const ways: { way: string; run(lane: OptOutLane): Promise<void> }[] = [
  { way: "the first load", run: read("load") },
  { way: "a replay of what changed", run: read("changed") },
  { way: "a replay of everything", run: read("force") },
  { way: "a verification that puts right", run: read("verify") },
  {
    way: "recovery from an expired token",
    async run(lane) {
      lane.world.dynamics.expireLinks();
      await sweepAndHandle(lane);
    },
  },
  { way: "a redrive", run: tell({ cause: "redrive", force: true }) },
  { way: "a parent that came", run: tell({ cause: "parent" }) },
  {
    way: "settings published anew, with another field",
    async run(lane) {
      const name = aField({ source: { column: "jobtitle" }, target: "firstName" });
      lane.world.publish([contactsWithOptOuts(lane.direction, { fields: [aField(), name] })]);
      await read("changed")(lane);
    },
  },
  {
    way: "a pull that tells of everybody",
    run: (lane) => lane.handle(...all.map((n) => lane.moved(n))),
  },
];

/**
 * 1 and 2 differ: only Campaign says out of 1, only Dynamics of 2, and nobody is known to have chosen the other. 3 is out on both sides, and so was 4
 * before its profile was lost.
 */
async function disagree(lane: OptOutLane): Promise<void> {
  await lane.begin(1);
  for (const n of [3, 4]) await lane.agree(n, { email: true });
  await lane.begin(2);
  lane.world.publish([contactsWithOptOuts("disabled")]);
  lane.chooseInCampaign(1, { email: true });
  lane.chooseInDynamics(2, { email: true });
  lane.chooseInCampaign(2, { phone: true });
  lane.chooseInCampaign(2, { phone: false });
  await lane.handle(lane.notice(2));
  lane.world.campaignCommand("remove", { resource: "profile", key: recordId(4) });
  lane.world.publish([contactsWithOptOuts(lane.direction)]);
}

describe.each(directions)("records that are looked at again, direction %s", (direction) => {
  it.each(ways)("nobody is opted in by $way", async ({ run }) => {
    const lane = await makeOptOutLane(direction);
    await disagree(lane);
    await sweepAndHandle(lane);

    const optIns = await lane.optInsDuring(() => run(lane));

    expect(optIns).toEqual([]);
    expect(lane.sides(1).campaign).toBe("email");
    expect(lane.sides(2).dynamics).toBe("email");
    expect(lane.sides(3)).toEqual({ dynamics: "email", campaign: "email" });
    expect(lane.sides(4).campaign ?? "email").toBe("email");
  });

  it("a profile that was lost in Campaign is made anew with what is remembered of it", async () => {
    const lane = await makeOptOutLane(direction);
    await lane.agree(1, { email: true });
    await sweepAndHandle(lane);
    lane.world.campaignCommand("remove", { resource: "profile", key: recordId(1) });

    const optIns = await lane.optInsDuring(() => read("verify")(lane));

    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "email" });
    expect(optIns).toEqual([]);
  });

  it("a verification counts no opt-outs, and leaves them as they are", async () => {
    const lane = await makeOptOutLane(direction);
    await lane.begin(1);
    await sweepAndHandle(lane);
    lane.chooseInCampaign(1, { email: true });

    await read("report")(lane);

    const { values } = (await lane.world.ports.checkpoints.read("ingress", fullReadStream("contact"))) ?? {};
    expect(values).toMatchObject({ phase: "done", compared: 1, equal: 1, different: 0 });
    expect(lane.sides(1)).toEqual({ dynamics: "-", campaign: "email" });
  });

  it("an attribute that is mapped later opts out whoever Dynamics has opted out, and opts nobody in", async () => {
    const lane = await makeOptOutLane(direction, { attributes: ["email"] });
    for (const n of [1, 2, 3]) await lane.begin(n);
    lane.chooseInDynamics(1, { fax: true });
    lane.chooseInCampaign(2, { fax: true });
    lane.chooseInCampaign(3, { fax: true });
    lane.chooseInCampaign(3, { fax: false });
    lane.chooseInDynamics(3, { fax: true });
    await sweepAndHandle(lane);

    lane.world.publish([contactsWithOptOuts(direction, { attributes: ["email", "fax"] })]);
    const optIns = await lane.optInsDuring(() => read("changed")(lane));

    const opted = direction === "toDynamics" ? "-" : "fax";
    expect([1, 2, 3].map((n) => lane.sides(n))).toEqual([
      { dynamics: "fax", campaign: opted },
      { dynamics: "-", campaign: "fax" },
      { dynamics: "fax", campaign: opted },
    ]);
    expect(optIns).toEqual([]);
  });

  it("the row of a load that comes late says nothing against a newer choice", async () => {
    const lane = await makeOptOutLane(direction);
    await lane.agree(1, { email: true });
    lane.chooseInDynamics(1, { email: false });
    const late = lane.notice(1, { cause: "load" });
    lane.chooseInDynamics(1, { email: true });

    const optIns = await lane.optInsDuring(() => lane.handle(late));

    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "email" });
    expect(optIns).toEqual([]);
  });
});
