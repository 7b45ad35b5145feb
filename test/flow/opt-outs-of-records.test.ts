import { describe, expect, it } from "vitest";
import { RefusedError } from "../../shared/errors.js";
import type { RowVersion } from "../../shared/model/ids.js";
import { aField } from "../support/mappings.js";
import { contactsWithOptOuts, makeOptOutLane, type OptOutLane, optOutColumns } from "../support/opt-out-lane.js";
import { recordId } from "../support/samples.js";

async function openFailures({ world }: OptOutLane): Promise<string[]> {
  const codes: string[] = [];
  for await (const { id, code } of world.failures.list("open")) codes.push(`${Number(id.slice(-3))} ${code}`);
  return codes;
}

describe("opt-outs of a contact that cannot be written otherwise", () => {
  const dated = aField({ source: { column: "jobtitle" }, target: "birthDate", type: "date" });

  it.each([
    { what: "a value that Campaign refuses", row: { lastname: "x".repeat(60) } },
    { what: "a value that does not fit its field", row: { jobtitle: "no date" } },
  ])("are written all the same: $what", async ({ row }) => {
    const lane = await makeOptOutLane("both", { fields: [aField(), dated] });
    await lane.agree(1, { phone: true });
    lane.chooseInCampaign(1, { phone: false, push: true });

    lane.edit(1, { ...row, [optOutColumns.email]: true });
    await lane.handle(lane.notice(1), lane.moved(1));

    expect(lane.sides(1)).toEqual({ dynamics: "email phone push", campaign: "email phone push" });
    expect(await openFailures(lane)).toHaveLength(1);
  });

  it("are written once, however often the contact fails", async () => {
    const lane = await makeOptOutLane("both");
    await lane.begin(1);
    lane.edit(1, { lastname: "x".repeat(60), donotemail: true });
    await lane.handle(lane.notice(1));

    const sent = await lane.sentDuring(() => lane.handle(lane.bare(1, { cause: "redrive", force: true })));

    expect(new Set(sent)).toEqual(new Set(["PATCH lastName"]));
  });

  it("are written though its parent never comes", async () => {
    const lane = await makeOptOutLane("both");
    await lane.begin(1);
    const { links } = lane.world.ports;
    const dealer = aField({
      source: { column: "acme_dealerid" },
      target: "dealer",
      type: "link",
      link: { table: "acme_dealer", cardinality: "0..1", by: "key" },
    });
    const columns = {
      contactid: "id",
      lastname: "string",
      donotemail: "boolean",
      acme_dealerid: { type: "lookup", targets: ["acme_dealer"] },
    };
    const optOuts = { direction: "both", attributes: { email: "donotemail" } };
    const waiting = contactsWithOptOuts("both", { fields: [aField(), dealer], mapping: { columns, optOuts } });
    lane.world.publish([waiting]);
    links.shouldAsk = async () => false;

    lane.edit(1, { donotemail: true, acme_dealerid: recordId(9), "acme_dealerid.type": "acme_dealer" });
    await lane.handle(lane.notice(1));

    expect(lane.sides(1).campaign).toBe("email");
    expect(await openFailures(lane)).toEqual(["1 parent-missing"]);
  });

  it("are written though filters keep it out and Campaign was told to leave it", async () => {
    const active = { join: "and", conditions: [{ column: "statecode", comparison: "equals", value: 0 }] };
    const lane = await makeOptOutLane("both", { mapping: { filters: active, whenFilteredOut: "leave" } });
    await lane.begin(1, {});
    lane.edit(1, { statecode: 0 });
    await lane.handle(lane.notice(1));

    lane.edit(1, { statecode: 1, donotemail: true });
    lane.chooseInCampaign(1, { phone: true });
    await lane.handle(lane.notice(1), lane.moved(1));

    expect(lane.sides(1)).toEqual({ dynamics: "email phone", campaign: "email phone" });
  });
});

describe("an opt-out that Dynamics refuses", () => {
  function refuse(lane: OptOutLane, column: string): void {
    const { write } = lane.world.ports.optOuts.dynamics;
    lane.world.ports.optOuts.dynamics.write = async (...given) => {
      const [, , columns] = given;
      if (Object.hasOwn(columns, column)) throw new RefusedError("the caller may not write this column", "0x8004f508");
      return write(...given);
    };
  }

  it("holds up none that Campaign is to have, and is a failure with its code, not an announcement for ever", async () => {
    const lane = await makeOptOutLane("both");
    await lane.begin(1);
    refuse(lane, optOutColumns.phone);
    lane.chooseInDynamics(1, { email: true });
    lane.chooseInCampaign(1, { phone: true });

    await lane.handle(lane.moved(1));

    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "email phone" });
    expect(await openFailures(lane)).toEqual(["1 0x8004f508"]);
    expect((await lane.decided(1)).sort()).toEqual([
      "email: opt-out-in-dynamics, campaign out (written)",
      "phone: opt-out-in-campaign, dynamics out (failed)",
    ]);
  });

  it("is written when it is redriven after the reason is gone", async () => {
    const lane = await makeOptOutLane("both");
    await lane.begin(1);
    const { write } = lane.world.ports.optOuts.dynamics;
    refuse(lane, optOutColumns.phone);
    lane.chooseInCampaign(1, { phone: true });
    await lane.handle(lane.moved(1));

    lane.world.ports.optOuts.dynamics.write = write;
    await lane.handle(lane.bare(1, { cause: "redrive", force: true }));

    expect(lane.sides(1)).toEqual({ dynamics: "phone", campaign: "phone" });
    expect(await openFailures(lane)).toEqual([]);
    expect(await lane.decided(1)).toEqual(["phone: opt-out-in-campaign, dynamics out (written)"]);
  });
});

describe("an instance of Campaign that lacks one of the attributes", () => {
  function withoutCcpa(lane: OptOutLane): void {
    lane.world.tamper = (path, body) => {
      if (path.includes("resourceType")) delete (body.content as Record<string, unknown>).ccpaOptOut;
      else delete body.ccpaOptOut;
    };
  }

  it("gets the others, and the contact's own fields", async () => {
    const lane = await makeOptOutLane("both", { attributes: ["email", "ccpa"] });
    withoutCcpa(lane);
    await lane.begin(1);

    lane.edit(1, { lastname: "Neuhaus", donotemail: true, [optOutColumns.ccpa]: true });
    await lane.handle(lane.notice(1));

    expect(lane.sides(1).campaign).toBe("email");
    expect(lane.world.profiles()[0]).toMatchObject({ lastName: "Neuhaus" });
    expect(await lane.decided(1)).toEqual([
      "ccpa: opt-out-in-dynamics (left)",
      "email: opt-out-in-dynamics, campaign out (written)",
    ]);
    expect(await openFailures(lane)).toEqual([]);
  });

  it("gets no new contact who has made that very choice: the failure says which, and that the mapping must do without", async () => {
    const lane = await makeOptOutLane("both", { attributes: ["email", "ccpa"] });
    withoutCcpa(lane);

    await lane.begin(1, { email: true, ccpa: true });

    expect(lane.sides(1).campaign).toBeUndefined();
    expect(await openFailures(lane)).toEqual(["1 no-such-opt-out"]);
    expect((await lane.world.failures.read("contact", recordId(1)))?.message).toContain(
      "Campaign has no opt-out ccpa in profile: take it out of the mapping's optOuts",
    );
  });
});

describe("a notice that somebody forged", () => {
  it.each(["toCampaign", "both"] as const)(
    "opts nobody in, whatever its row and its version claim: %s",
    async (direction) => {
      const lane = await makeOptOutLane(direction);
      await lane.agree(1, { email: true, push: true });
      const claimed = lane.notice(1);
      const row = { ...claimed.row, donotemail: false, acme_nopush: false, modifiedon: "2027-01-01T00:00:00Z" };

      const optIns = await lane.optInsDuring(() =>
        lane.handle({ ...claimed, row, version: "999999999999" as RowVersion }),
      );

      expect(optIns).toEqual([]);
      expect(lane.sides(1)).toEqual({ dynamics: "email push", campaign: "email push" });
    },
  );
});
