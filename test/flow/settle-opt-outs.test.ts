import { describe, expect, it } from "vitest";
import { type Choices, killedAtEveryCall, makeOptOutLane, type OptOutLane } from "../support/opt-out-lane.js";
import { recordId } from "../support/samples.js";

const spellings = ["blackList", "denyList"] as const;

/** Both doorbells ring: what a person chose in Dynamics, and what moved in Campaign. */
async function ringBoth(lane: OptOutLane, n = 1): Promise<void> {
  await lane.handle(lane.notice(n), lane.moved(n));
}

describe.each(spellings)("opt-outs of one contact on both sides, Campaign calling them %s…", (spelling) => {
  it.each([
    { direction: "disabled", dynamics: "email", campaign: "phone push" },
    { direction: "toCampaign", dynamics: "email", campaign: "email phone push" },
    { direction: "toDynamics", dynamics: "email phone push", campaign: "phone push" },
    { direction: "both", dynamics: "email phone push", campaign: "email phone push" },
  ] as const)(
    "go where the direction goes and nowhere else, each attribute for itself: $direction",
    async ({ direction, ...expected }) => {
      const lane = await makeOptOutLane(direction, { spelling });
      await lane.begin(1);

      lane.chooseInCampaign(1, { phone: true, push: true });
      lane.chooseInDynamics(1, { email: true });
      await ringBoth(lane);

      expect(lane.sides(1)).toEqual(expected);
    },
  );

  it.each([
    { direction: "toCampaign", dynamics: "phone push", campaign: "phone push" },
    { direction: "toDynamics", dynamics: "email phone push", campaign: "email" },
    { direction: "both", dynamics: "email phone push", campaign: "email phone push" },
  ] as const)(
    "are taken back only where that is surely the newer choice: Campaign's phone and push first, then e-mail in Dynamics, $direction",
    async ({ direction, ...expected }) => {
      const lane = await makeOptOutLane(direction, { spelling });
      await lane.agree(1, { email: true, phone: true, push: true });

      lane.chooseInCampaign(1, { phone: false, push: false });
      lane.chooseInDynamics(1, { email: false });
      await ringBoth(lane);

      expect(lane.sides(1)).toEqual(expected);
    },
  );

  it.each([
    { direction: "toCampaign", dynamics: "phone push", campaign: "phone push" },
    { direction: "toDynamics", dynamics: "email push", campaign: "email" },
    { direction: "both", dynamics: "email push", campaign: "email push" },
  ] as const)(
    "are taken back only where that is surely the newer choice: e-mail in Dynamics first, then Campaign's phone and push, $direction",
    async ({ direction, ...expected }) => {
      const lane = await makeOptOutLane(direction, { spelling });
      await lane.agree(1, { email: true, phone: true, push: true });

      lane.chooseInDynamics(1, { email: false });
      lane.chooseInCampaign(1, { phone: false, push: false });
      await ringBoth(lane);

      expect(lane.sides(1)).toEqual(expected);
    },
  );
});

describe("what is written for opt-outs", () => {
  it("is an opt-out at once and in one body, and an opt-in alone, after a read of its own", async () => {
    const lane = await makeOptOutLane("toCampaign");
    await lane.agree(1, { phone: true });

    lane.chooseInDynamics(1, { email: true, push: true, phone: false });
    const sent = await lane.sentDuring(() => lane.handle(lane.notice(1)));

    expect(sent).toEqual([
      "GET",
      "PATCH blackListEmail=true blackListPushnotification=true",
      "GET",
      "GET",
      "PATCH blackListPhone=false",
      "GET",
    ]);
  });

  it("is the choice alone, before and apart from the contact's own fields", async () => {
    const lane = await makeOptOutLane("both");
    await lane.begin(1);

    lane.edit(1, { lastname: "Neuhaus", donotemail: true });
    const sent = await lane.sentDuring(() => lane.handle(lane.notice(1)));

    expect(sent).toEqual(["GET", "PATCH blackListEmail=true", "GET", "PATCH lastName"]);
  });

  it("reaches Dynamics under the version that was read: a person who chose meanwhile is not overwritten", async () => {
    const lane = await makeOptOutLane("both");
    await lane.agree(1, { email: true });
    lane.chooseInCampaign(1, { email: false });
    const { write } = lane.world.ports.optOuts.dynamics;
    let writes = 0;
    lane.world.ports.optOuts.dynamics.write = (...given) => {
      writes += 1;
      if (writes === 1) lane.chooseInDynamics(1, { phone: true });
      return write(...given);
    };

    const handedOutAt = lane.world.clock.now();
    await lane.handle(lane.moved(1));

    // At once, but for the ten seconds of that person. The edit meanwhile is newer than the opt-in, by the record's time.
    expect(lane.world.clock.now() - handedOutAt).toBe(10_000);
    expect(lane.sides(1)).toEqual({ dynamics: "email phone", campaign: "email phone" });
    expect(writes).toBe(1);
  });

  it("gives up for a moment, not for good, when somebody keeps changing the contact", async () => {
    const lane = await makeOptOutLane("both");
    await lane.begin(1);
    lane.chooseInCampaign(1, { email: true });
    const { write } = lane.world.ports.optOuts.dynamics;
    let edits = 10;
    lane.world.ports.optOuts.dynamics.write = (...given) => {
      edits -= 1;
      if (edits > 0) lane.edit(1, { jobtitle: `edit ${edits}` });
      return write(...given);
    };

    await lane.handle(lane.moved(1));

    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "email" });
    expect(edits).toBe(0);
  });

  it("goes through a filter as it goes through the key", async () => {
    const address = { by: "filter", filter: "ExternalId", parameter: "externalId" };
    const lane = await makeOptOutLane("both", { mapping: { key: { field: "externalId", address } } });
    await lane.begin(1);

    lane.chooseInCampaign(1, { phone: true });
    lane.chooseInDynamics(1, { email: true });
    await ringBoth(lane);

    expect(lane.sides(1)).toEqual({ dynamics: "email phone", campaign: "email phone" });
  });

  it("waits for an attempt that may yet take effect, and only then writes to Campaign", async () => {
    const lane = await makeOptOutLane("toCampaign");
    await lane.begin(1);
    const { update } = lane.world.ports.campaign;
    lane.world.ports.campaign.update = async (...given) => ({ ...(await update(...given)), mayEcho: true });
    lane.edit(1, { lastname: "Neuhaus" });
    await lane.handle(lane.notice(1));
    const writtenAt = lane.world.clock.now();

    lane.world.dynamics.put(recordId(1), { ...lane.world.dynamics.rows().get(recordId(1))?.row, donotemail: true });
    let waitedMs = 0;
    lane.world.meanwhile = ({ method }) => {
      if (method === "PATCH") waitedMs = lane.world.clock.now() - writtenAt;
    };
    const sent = await lane.sentDuring(() => lane.handle(lane.notice(1)));

    // Looked at once more when the wait is over.
    expect(sent).toEqual(["GET", "GET", "PATCH blackListEmail=true", "GET"]);
    expect(waitedMs).toBeGreaterThan(lane.world.ports.campaignBudgetMs);
  });
});

describe("what is remembered of opt-outs", () => {
  it.each(["toCampaign", "both"] as const)(
    "does not hide an opt-out that was taken back and made again between two looks, where Campaign shows no move of its own: push, %s",
    async (direction) => {
      const lane = await makeOptOutLane(direction);
      await lane.agree(1, { push: true });
      lane.chooseInCampaign(1, { push: false });

      lane.chooseInDynamics(1, { push: false });
      lane.chooseInDynamics(1, { push: true });
      await lane.handle(lane.notice(1));

      expect(lane.sides(1)).toEqual({ dynamics: "push", campaign: "push" });
    },
  );

  it.each([
    { direction: "both", side: "Dynamics", choose: "chooseInCampaign" },
    { direction: "both", side: "Campaign", choose: "chooseInDynamics" },
  ] as const)("is stored before an opt-out is written to $side", async ({ direction, side, choose }) => {
    const lane = await makeOptOutLane(direction);
    await lane.begin(1);
    lane[choose](1, { email: true });
    const { optOuts, states } = lane.world.ports;
    const seen: unknown[] = [];
    const look = async (): Promise<void> => {
      seen.push((await states.read("contact", recordId(1)))?.state.optOuts);
    };
    const [campaign, dynamics] = [optOuts.campaign.write, optOuts.dynamics.write];
    optOuts.campaign.write = async (...given) => look().then(() => campaign(...given));
    optOuts.dynamics.write = async (...given) => look().then(() => dynamics(...given));

    await ringBoth(lane);

    const known = side === "Dynamics" ? { dynamics: false, campaign: true } : { dynamics: true, campaign: true };
    expect(seen).toMatchObject([{ open: true, attributes: { email: known } }]);
    expect((await states.read("contact", recordId(1)))?.state.optOuts?.open).toBeUndefined();
  });
});

describe("a process killed at any call while it settles opt-outs", () => {
  it.each<{
    name: string;
    direction: "toCampaign" | "toDynamics" | "both";
    before: Choices;
    act(lane: OptOutLane): void;
  }>([
    {
      name: "an opt-out of Dynamics",
      direction: "toCampaign",
      before: {},
      act: (on) => on.chooseInDynamics(1, { email: true }),
    },
    {
      name: "an opt-in of Dynamics",
      direction: "toCampaign",
      before: { email: true },
      act: (on) => on.chooseInDynamics(1, { email: false }),
    },
    {
      name: "an opt-out of Campaign",
      direction: "toDynamics",
      before: {},
      act: (on) => on.chooseInCampaign(1, { email: true }),
    },
    {
      name: "an opt-in of Campaign",
      direction: "toDynamics",
      before: { email: true },
      act: (on) => on.chooseInCampaign(1, { email: false }),
    },
    {
      name: "opt-outs of both sides",
      direction: "both",
      before: {},
      act(on) {
        on.chooseInDynamics(1, { email: true });
        on.chooseInCampaign(1, { phone: true, push: true });
      },
    },
    {
      name: "an opt-out of Dynamics and an opt-in of Campaign, with an edit",
      direction: "both",
      before: { phone: true },
      act(on) {
        on.edit(1, { lastname: "Neuhaus", donotemail: true });
        on.chooseInCampaign(1, { phone: false });
      },
    },
  ])(
    "leaves both sides as without a kill, and nothing to write when nothing changed: $name",
    async ({ direction, before, act }) => {
      let expected: ReturnType<OptOutLane["sides"]> | undefined;
      const calls = await killedAtEveryCall(
        async () => {
          const lane = await makeOptOutLane(direction);
          await lane.agree(1, before);
          act(lane);
          return lane;
        },
        ringBoth,
        async (lane, where) => {
          expected ??= lane.sides(1);
          expect({ where, ...lane.sides(1) }).toEqual({ where, ...expected });
          expect(expected.dynamics).toBe(expected.campaign);
          const version = lane.world.dynamics.rows().get(recordId(1))?.version;
          const again = await lane.sentDuring(() => ringBoth(lane));
          expect({ where, again: again.filter((sent) => sent !== "GET") }).toEqual({ where, again: [] });
          expect(lane.world.dynamics.rows().get(recordId(1))?.version).toBe(version);
        },
      );

      expect(calls).toBeGreaterThan(10);
    },
    60_000,
  );
});

describe("somebody who acts in Campaign while an opt-in of Dynamics is on its way there", () => {
  /** Opts in and out again at Campaign when the `nth` call of this method arrives, so that the opt-out there is the newest choice of all. */
  function optOutAt(lane: OptOutLane, method: string, nth: number): void {
    let calls = 0;
    lane.world.meanwhile = (request) => {
      if (request.method !== method || request.path.includes("resourceType")) return;
      calls += 1;
      if (calls !== nth) return;
      lane.chooseInCampaign(1, { email: false });
      lane.chooseInCampaign(1, { email: true });
    };
  }

  it.each([
    { call: "the first read", method: "GET", nth: 1 },
    { call: "the read right before the write", method: "GET", nth: 2 },
  ])("stays opted out when it was before $call", async ({ method, nth }) => {
    const lane = await makeOptOutLane("toCampaign");
    await lane.agree(1, { email: true });
    lane.chooseInDynamics(1, { email: false });
    optOutAt(lane, method, nth);

    await lane.handle(lane.notice(1));

    expect(lane.sides(1)).toEqual({ dynamics: "-", campaign: "email" });
    expect((await lane.decided(1)).at(-1)).toBe("email: opt-in-not-newer (left)");
  });

  it("is opted in between that read and the write, the one window there is; what is chosen after it holds again", async () => {
    const lane = await makeOptOutLane("toCampaign");
    await lane.agree(1, { email: true });
    lane.chooseInDynamics(1, { email: false });
    optOutAt(lane, "PATCH", 1);

    await lane.handle(lane.notice(1));
    const inTheWindow = lane.sides(1);
    lane.chooseInCampaign(1, { email: true });
    lane.edit(1, { jobtitle: "any other edit" });
    await lane.handle(lane.notice(1));

    expect(inTheWindow).toEqual({ dynamics: "-", campaign: "-" });
    expect(lane.sides(1)).toEqual({ dynamics: "-", campaign: "email" });
  });
});
