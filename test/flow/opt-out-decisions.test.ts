import { describe, expect, it } from "vitest";
import { explainDecision } from "../../shared/optout/explain.js";
import { killedAtEveryCall, makeOptOutLane, type OptOutLane, optOutColumns } from "../support/opt-out-lane.js";
import { recordId } from "../support/samples.js";

const directions = ["toCampaign", "toDynamics", "both"] as const;

describe("the Campaign calls of a contact whose opt-outs are kept equal", () => {
  const none: string[] = [];
  const wrote = (name: string, value: boolean) => `PATCH blackList${name}=${value}`;

  it.each<{
    what: string;
    before?: boolean;
    act(on: OptOutLane): void;
    tell?: "moved";
    sent: Record<(typeof directions)[number], string[]>;
  }>([
    {
      what: "an edit of nothing mapped",
      act: (on) => on.edit(1, { jobtitle: "Buyer" }),
      sent: { toCampaign: none, toDynamics: none, both: none },
    },
    {
      what: "an edit",
      act: (on) => on.edit(1, { lastname: "Neuhaus" }),
      sent: { toCampaign: ["PATCH lastName"], toDynamics: ["PATCH lastName"], both: ["PATCH lastName"] },
    },
    {
      what: "an edit of somebody who is opted out",
      before: true,
      act: (on) => on.edit(1, { lastname: "Neuhaus" }),
      sent: { toCampaign: ["GET", "PATCH lastName"], toDynamics: ["PATCH lastName"], both: ["PATCH lastName"] },
    },
    {
      what: "an opt-out in Dynamics",
      act: (on) => on.chooseInDynamics(1, { email: true }),
      sent: {
        toCampaign: ["GET", wrote("Email", true), "GET"],
        toDynamics: ["GET"],
        both: ["GET", wrote("Email", true), "GET"],
      },
    },
    {
      what: "an opt-in in Dynamics",
      before: true,
      act: (on) => on.chooseInDynamics(1, { email: false }),
      sent: { toCampaign: ["GET", "GET", wrote("Email", false), "GET"], toDynamics: ["GET"], both: ["GET"] },
    },
    {
      what: "an opt-out in Campaign",
      act: (on) => on.chooseInCampaign(1, { email: true }),
      tell: "moved",
      sent: { toCampaign: ["GET"], toDynamics: ["GET"], both: ["GET"] },
    },
    {
      what: "an opt-in in Campaign",
      before: true,
      act: (on) => on.chooseInCampaign(1, { email: false }),
      tell: "moved",
      sent: { toCampaign: ["GET", wrote("Email", true), "GET"], toDynamics: ["GET"], both: ["GET"] },
    },
  ])("are few: $what", async ({ before, act, tell, sent }) => {
    const found: Record<string, string[]> = {};
    for (const direction of directions) {
      const lane = await makeOptOutLane(direction);
      await lane.agree(1, before ? { email: true } : {});
      act(lane);
      found[direction] = await lane.sentDuring(() => lane.handle(tell ? lane.moved(1) : lane.notice(1)));
    }

    expect(found).toEqual(sent);
  });

  it.each(directions)(
    "are none for the notice of what we wrote ourselves, and for messages that come twice: %s",
    async (direction) => {
      const lane = await makeOptOutLane(direction);
      await lane.begin(1);
      lane.chooseInDynamics(1, { email: true });
      lane.chooseInCampaign(1, { phone: true });
      const notice = lane.notice(1);
      await lane.handle(notice, lane.moved(1));

      const sent = await lane.sentDuring(() => lane.handle(notice, lane.notice(1), lane.bare(1)));

      expect(sent).toEqual([]);
    },
  );

  it("are one more for a contact that is deleted, whose choices are looked at a last time", async () => {
    const lane = await makeOptOutLane("both");
    await lane.begin(1);
    lane.remove(1);

    const sent = await lane.sentDuring(() => lane.handle(lane.notice(1)));

    expect(sent).toEqual(["GET", "DELETE"]);
  });
});

describe("opt-ins of Dynamics that count only if its audit history has them", () => {
  const audited = { optOuts: { evidence: "audit" } };

  it("reach Campaign when the history has the opt-in, though Campaign's opt-out was renewed since both agreed", async () => {
    const lane = await makeOptOutLane("toCampaign", audited);
    await lane.agree(1, { email: true });
    lane.chooseInCampaign(1, { email: false });
    lane.chooseInCampaign(1, { email: true });
    lane.chooseInDynamics(1, { email: false });

    await lane.handle(lane.notice(1));

    expect(lane.sides(1)).toEqual({ dynamics: "-", campaign: "-" });
    expect((await lane.decided(1)).at(-1)).toBe("email: opt-in-newer, campaign in (written)");
  });

  it.each([
    {
      what: "has none",
      spoil: (lane: OptOutLane) => {
        lane.world.ports.optOuts.dynamics.lastOptIn = async () => undefined;
      },
      rule: "opt-in-not-audited",
    },
    {
      what: "has only one from before Campaign's opt-out",
      spoil: (lane: OptOutLane) => {
        const at = lane.world.clock.now() - 60_000;
        lane.world.ports.optOuts.dynamics.lastOptIn = async () => at;
      },
      rule: "opt-in-not-newer",
    },
  ])("stay where they are when the history $what", async ({ spoil, rule }) => {
    const lane = await makeOptOutLane("toCampaign", audited);
    await lane.agree(1, { email: true });
    lane.chooseInDynamics(1, { email: false });
    spoil(lane);

    const optIns = await lane.optInsDuring(() => lane.handle(lane.notice(1)));

    expect(optIns).toEqual([]);
    expect(lane.sides(1)).toEqual({ dynamics: "-", campaign: "email" });
    expect((await lane.decided(1)).at(-1)).toBe(`email: ${rule} (left)`);
  });

  it("are not looked up for opt-outs, nor for anybody who has not opted in", async () => {
    const lane = await makeOptOutLane("toCampaign", audited);
    let asked = 0;
    lane.world.ports.optOuts.dynamics.lastOptIn = async () => {
      asked += 1;
      return undefined;
    };

    await lane.agree(1, { email: true });
    lane.edit(1, { lastname: "Neuhaus" });
    lane.chooseInCampaign(1, { phone: true });
    await lane.handle(lane.notice(1), lane.moved(1));

    expect(asked).toBe(0);
  });
});

describe("what the auditor finds of the decisions on a contact", () => {
  it("is who said what, when, by which rule, what was written, and what brought it up", async () => {
    const lane = await makeOptOutLane("both");
    await lane.begin(1);
    lane.chooseInCampaign(1, { email: true });

    await lane.handle(lane.moved(1, { correlationId: "pull-7" }));

    expect(await lane.decisions()).toMatchObject([
      {
        at: "2026-03-01T00:00:30.000Z",
        record: recordId(1),
        attribute: "email",
        column: optOutColumns.email,
        direction: "both",
        dynamics: { value: false, changedAt: "2026-03-01T00:00:10.000Z", version: "1001" },
        campaign: { value: true, changedAt: "2026-03-01T00:00:30.000Z" },
        remembered: { dynamics: false, campaign: false },
        rule: "opt-out-in-campaign",
        wrote: { side: "dynamics", value: true },
        result: "written",
        cause: "optout",
        correlationId: "pull-7",
      },
    ]);
    expect((await lane.decisions()).map(explainDecision)).toEqual([
      "Opted out of e-mail in Campaign on 2026-03-01 00:00:30 UTC, later than the last change of the record in Dynamics: opt-out written to Dynamics.",
    ]);
    expect(JSON.stringify(await lane.decisions())).not.toContain("Lee");
  });

  it("is why an opt-in made in Dynamics went back", async () => {
    const lane = await makeOptOutLane("both");
    await lane.agree(1, { email: true });
    lane.chooseInDynamics(1, { email: false });

    await lane.handle(lane.notice(1));

    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "email" });
    expect((await lane.decisions()).map(explainDecision).at(-1)).toBe(
      "Opted out of e-mail in Campaign on 2026-03-01 00:00:30 UTC; the record in Dynamics changed later (on 2026-03-01 00:00:50 UTC), but that may have been another of its fields, so the opt-out holds: opt-out written to Dynamics.",
    );
  });

  it("is one row a decision, whatever comes twice", async () => {
    const lane = await makeOptOutLane("toCampaign");
    await lane.begin(1);
    await lane.begin(2);
    lane.chooseInDynamics(1, { email: true });
    lane.chooseInCampaign(2, { phone: true });
    const messages = [lane.notice(1), lane.moved(1), lane.moved(2), lane.notice(2)];

    await lane.handle(...messages);
    await lane.handle(...messages, lane.bare(1, { cause: "redrive", force: true }), lane.moved(2));

    expect(await lane.decided()).toEqual([
      "email: opt-out-in-dynamics, campaign out (written)",
      "phone: opt-in-not-seen (left)",
    ]);
  });

  it("is one row for what was left, however often the contact is edited afterwards", async () => {
    const lane = await makeOptOutLane("toCampaign");
    await lane.begin(1);
    lane.chooseInCampaign(1, { email: true });
    await lane.handle(lane.moved(1));

    for (const lastname of ["Neuhaus", "Altmann", "Birkholz"]) {
      lane.edit(1, { lastname });
      await lane.handle(lane.notice(1));
    }

    expect(await lane.decided(1)).toEqual(["email: opt-in-not-seen (left)"]);
  });

  it("is `announced` where the process died over it, before or after the write; otherwise `written`", async () => {
    const results = new Set<string>();
    await killedAtEveryCall(
      async () => {
        const lane = await makeOptOutLane("both");
        await lane.begin(1);
        lane.chooseInDynamics(1, { email: true });
        return lane;
      },
      (lane) => lane.handle(lane.notice(1)),
      async (lane, where) => {
        const decided = await lane.decided(1);
        expect({ where, decided }).toMatchObject({
          where,
          decided: [expect.stringMatching(/^email: opt-out-in-dynamics, campaign out \((announced|written)\)$/)],
        });
        for (const one of decided) results.add(one.replace(/^.*\(|\)$/g, ""));
      },
    );

    expect(results).toEqual(new Set(["announced", "written"]));
  }, 60_000);

  it("is nothing where both sides agree", async () => {
    const lane = await makeOptOutLane("both");

    await lane.begin(1, { email: true });
    await lane.handle(lane.moved(1));

    expect(await lane.decided()).toEqual([]);
  });
});
