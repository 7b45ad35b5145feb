import { describe, expect, it } from "vitest";
import { killedAtEveryCall, makeOptOutLane, type OptOutLane, optOutColumns } from "../support/opt-out-lane.js";
import { recordId } from "../support/samples.js";

const directions = ["toCampaign", "toDynamics", "both"] as const;
const everywhere = {
  filters: { join: "and", conditions: [{ column: "statecode", comparison: "notEquals", value: 1 }] },
};

describe("a new contact", () => {
  it.each(directions)(
    "starts opted out where Dynamics says so, and nothing is said of the rest: %s",
    async (direction) => {
      const lane = await makeOptOutLane(direction);

      const sent = await lane.sentDuring(() => lane.begin(1, { email: true, push: true, phone: false }));

      expect(sent).toEqual(["POST lastName blackListEmail=true blackListPushnotification=true"]);
      expect(lane.sides(1)).toEqual({ dynamics: "email push", campaign: "email push" });
    },
  );

  it("starts with what the mapping of now says nothing of, when no direction is chosen", async () => {
    const lane = await makeOptOutLane("disabled");

    const sent = await lane.sentDuring(() => lane.begin(1, { email: true }));

    expect(sent).toEqual(["POST lastName"]);
  });

  it.each([
    { direction: "toCampaign", dynamics: "phone", campaign: "email phone" },
    { direction: "toDynamics", dynamics: "email phone", campaign: "email" },
    { direction: "both", dynamics: "email phone", campaign: "email phone" },
  ] as const)(
    "whose profile is there already is opted in nowhere: out of e-mail there, of phone calls here, $direction",
    async ({ direction, ...expected }) => {
      const lane = await makeOptOutLane(direction);
      const profile = { externalId: recordId(1), blackListEmail: true };
      lane.world.campaignCommand("seed", { resource: "profile", records: [profile] });

      const optIns = await lane.optInsDuring(() => lane.begin(1, { phone: true }));

      expect(lane.sides(1)).toEqual(expected);
      expect(optIns).toEqual([]);
    },
  );

  it.each(directions)(
    "whose profile is there already ends alike wherever the process is killed: %s",
    async (direction) => {
      let expected: ReturnType<OptOutLane["sides"]> | undefined;
      const calls = await killedAtEveryCall(
        async () => {
          const lane = await makeOptOutLane(direction);
          const profile = { externalId: recordId(1), blackListEmail: true };
          lane.world.campaignCommand("seed", { resource: "profile", records: [profile] });
          return lane;
        },
        (lane) => lane.begin(1, { phone: true }),
        async (lane, where) => {
          expected ??= lane.sides(1);
          expect({ where, ...lane.sides(1) }).toEqual({ where, ...expected });
        },
      );

      expect(calls).toBeGreaterThan(8);
    },
    60_000,
  );

  it("who is made opted out and opts in at once stays out in Campaign until an operator says so: both sides were never compared", async () => {
    const lane = await makeOptOutLane("toCampaign");
    await lane.begin(1, { email: true });

    lane.chooseInDynamics(1, { email: false });
    await lane.handle(lane.notice(1));

    expect(lane.sides(1)).toEqual({ dynamics: "-", campaign: "email" });
    expect(await lane.decided(1)).toEqual(["email: opt-in-not-seen (left)"]);
  });

  it("who is made opted out, is edited, and opts in afterwards is opted in in Campaign", async () => {
    const lane = await makeOptOutLane("toCampaign");
    await lane.begin(1, { email: true });
    lane.edit(1, { jobtitle: "Buyer" });
    await lane.handle(lane.notice(1));

    lane.chooseInDynamics(1, { email: false });
    await lane.handle(lane.notice(1));

    expect(lane.sides(1)).toEqual({ dynamics: "-", campaign: "-" });
  });

  it("is not settled by an opt-out that Campaign reports before it has a profile of ours", async () => {
    const lane = await makeOptOutLane("both");
    lane.edit(1, {});

    const sent = await lane.sentDuring(() => lane.handle(lane.moved(1)));

    expect(sent).toEqual(["GET"]);
    expect(lane.sides(1).campaign).toBeUndefined();
  });
});

describe("a contact that goes and comes back", () => {
  const ways: {
    way: string;
    mapping?: Record<string, unknown>;
    go(on: OptOutLane): void;
    back(on: OptOutLane): void;
  }[] = [
    {
      way: "deleted and made anew under its id",
      go: (on) => on.remove(1),
      back: (on) => on.chooseInDynamics(1, { email: false }),
    },
    { way: "deleted and restored as it was", go: (on) => on.remove(1), back: (on) => on.chooseInDynamics(1, {}) },
    {
      way: "filtered out and back",
      mapping: { ...everywhere, whenFilteredOut: "delete" },
      go: (on) => on.edit(1, { statecode: 1 }),
      back: (on) => on.edit(1, { statecode: 0 }),
    },
    {
      way: "merged into another and made whole again",
      go: (on) => on.edit(1, { merged: true, masterid: recordId(9) }),
      back: (on) => on.edit(1, { merged: false, masterid: null }),
    },
  ];

  it.each(
    ways.flatMap((one) => [
      { ...one, direction: "toCampaign", dynamics: "-" } as const,
      { ...one, direction: "toDynamics", dynamics: "email" } as const,
      { ...one, direction: "both", dynamics: "email" } as const,
    ]),
  )(
    "is still opted out of what Campaign had it opted out of a moment before, and nobody had heard of: $way, $direction",
    async ({ mapping, go, back, direction, dynamics }) => {
      const lane = await makeOptOutLane(direction, { ...(mapping && { mapping }) });
      await lane.begin(1);
      lane.chooseInCampaign(1, { email: true });
      go(lane);

      const going = await lane.sentDuring(() => lane.handle(lane.notice(1)));
      const gone = lane.sides(1).campaign;
      back(lane);
      const optIns = await lane.optInsDuring(() => lane.handle(lane.notice(1)));

      expect([going, gone]).toEqual([["GET", "DELETE"], undefined]);
      expect(lane.sides(1)).toEqual({ dynamics, campaign: "email" });
      expect(optIns).toEqual([]);
    },
  );

  it("leaves word in Dynamics of what Campaign had it opted out of, when a filter takes it out of Campaign", async () => {
    const lane = await makeOptOutLane("both", { mapping: { ...everywhere, whenFilteredOut: "delete" } });
    await lane.begin(1);
    lane.chooseInCampaign(1, { email: true });
    lane.edit(1, { statecode: 1 });

    const sent = await lane.sentDuring(() => lane.handle(lane.notice(1)));

    expect(sent).toEqual(["GET", "DELETE"]);
    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: undefined });
  });

  it.each(directions)(
    "is opted in by nobody when only its new life is heard of: made anew under its id as contacts are, %s",
    async (direction) => {
      const lane = await makeOptOutLane(direction);
      await lane.agree(1, { email: true, push: true });

      lane.remove(1);
      lane.chooseInDynamics(1, {});
      const optIns = await lane.optInsDuring(() => lane.handle(lane.notice(1), lane.moved(1)));

      expect(lane.sides(1).campaign).toBe("email push");
      expect(optIns).toEqual([]);
    },
  );

  it("is opted in by nobody though no more was known of its first life than the notice that made it", async () => {
    const lane = await makeOptOutLane("toCampaign");
    await lane.begin(1, { email: true, push: true });

    lane.remove(1);
    lane.chooseInDynamics(1, {});
    const optIns = await lane.optInsDuring(() => lane.handle(lane.notice(1)));

    expect(lane.sides(1).campaign).toBe("email push");
    expect(optIns).toEqual([]);
  });

  it.each(directions)(
    "stays opted out wherever the process is killed: %s",
    async (direction) => {
      const calls = await killedAtEveryCall(
        async () => {
          const lane = await makeOptOutLane(direction);
          await lane.begin(1);
          lane.chooseInCampaign(1, { email: true });
          return lane;
        },
        async (lane) => {
          lane.remove(1);
          await lane.handle(lane.notice(1));
          lane.chooseInDynamics(1, {});
          await lane.handle(lane.notice(1));
        },
        async (lane, where) => {
          expect({ where, campaign: lane.sides(1).campaign }).toEqual({ where, campaign: "email" });
        },
      );

      expect(calls).toBeGreaterThan(10);
    },
    60_000,
  );

  it("keeps its choices while it is deactivated", async () => {
    const lane = await makeOptOutLane("both");
    await lane.agree(1, { email: true });

    lane.edit(1, { statecode: 1 });
    lane.chooseInCampaign(1, { phone: true });
    const optIns = await lane.optInsDuring(() => lane.handle(lane.notice(1), lane.moved(1)));

    expect(lane.sides(1)).toEqual({ dynamics: "email phone", campaign: "email phone" });
    expect(optIns).toEqual([]);
  });
});

describe("contacts that share one e-mail address", () => {
  it("are two people to us: the choice of one is not the other's", async () => {
    const lane = await makeOptOutLane("both");
    for (const n of [1, 2]) lane.edit(n, { emailaddress1: "shared@example.com" });
    await lane.handle(lane.notice(1), lane.notice(2));

    lane.chooseInCampaign(1, { email: true });
    await lane.handle(lane.moved(1), lane.moved(2));

    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "email" });
    expect(lane.sides(2)).toEqual({ dynamics: "-", campaign: "-" });
  });
});

describe("a profile that is not ours", () => {
  it("is never changed, though it has the key of a contact that has not come to Campaign", async () => {
    const lane = await makeOptOutLane("both", { mapping: everywhere });
    lane.edit(1, { statecode: 1, [optOutColumns.email]: true });
    lane.world.campaignCommand("seed", { resource: "profile", records: [{ externalId: recordId(1) }] });

    const sent = await lane.sentDuring(() => lane.handle(lane.notice(1), lane.moved(1)));

    expect(sent.filter((words) => words !== "GET")).toEqual([]);
    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "-" });
  });
});
