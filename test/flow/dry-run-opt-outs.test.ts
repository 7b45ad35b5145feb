import { describe, expect, it } from "vitest";
import type { OptOutDirection } from "../../shared/optout/attributes.js";
import { type DryWorld, makeDryWorld } from "../support/dry-world.js";
import { contactsWithOptOuts } from "../support/opt-out-lane.js";
import { anEnvelope, recordId, version } from "../support/samples.js";

const noChoice = { lastname: "Lee", donotemail: false, donotphone: false, acme_nopush: false };
const actMs = 10_000;

/** Three contacts that both sides know, nobody opted out, before a dry run. */
async function inSync(direction: OptOutDirection): Promise<DryWorld> {
  const made = await makeDryWorld({ mapping: contactsWithOptOuts(direction) });
  for (const n of [1, 2, 3]) made.world.dynamics.put(recordId(n), noChoice);
  await made.real.run();
  made.world.clock.advance(actMs);
  made.world.requests.length = 0;
  return made;
}

const optOut = (n: number, nonce: string) => {
  const { version: _version, ...bare } = anEnvelope({ id: recordId(n), kind: "optout", cause: "optout", nonce });
  return bare;
};

function chooseInCampaign({ world }: DryWorld, n: number, values: Record<string, boolean>): void {
  world.clock.advance(actMs);
  world.campaignCommand("edit", { resource: "profile", key: recordId(n), values });
}

function edit({ world }: DryWorld, n: number, row: Record<string, unknown>): void {
  world.clock.advance(actMs);
  const before = world.dynamics.rows().get(recordId(n))?.row ?? noChoice;
  world.dynamics.put(recordId(n), { ...before, ...row } as typeof before);
}

const versions = ({ world }: DryWorld) => [...world.dynamics.rows().values()].map(({ version }) => version);

describe("a dry run of opt-outs", () => {
  it("reports them in both directions, writes neither side, and leaves them for the real run to write", async () => {
    const made = await inSync("both");
    edit(made, 1, { donotemail: true });
    chooseInCampaign(made, 2, { blackListPhone: true });
    const [state, rows] = [await made.realState(), versions(made)];

    await made.dry.queue.send([optOut(2, "moved")]);
    await made.dry.run();
    const [report, notes, written, kept] = [
      await made.report(),
      await made.notes(),
      made.campaignWrites(),
      await made.realState(),
    ];
    const untouched = versions(made);
    await made.real.queue.send([optOut(2, "moved")]);
    await made.real.run();

    expect(written).toEqual([]);
    expect(untouched).toEqual(rows);
    expect(kept).toEqual(state);
    expect(report).toEqual({
      "campaign contact unchanged": 1,
      "campaign contact updated": 1,
      "dynamics contact updated": 1,
    });
    expect(notes.map(({ side, id, note }) => [side, id, note.outcome, note.fields])).toEqual(
      expect.arrayContaining([
        ["campaign", recordId(1), "updated", ["blackListEmail"]],
        ["dynamics", recordId(2), "updated", ["donotphone"]],
      ]),
    );
    expect(made.world.profiles().find(({ externalId }) => externalId === recordId(1))?.blackListEmail).toBe(true);
    expect(made.world.dynamics.rows().get(recordId(2))?.row.donotphone).toBe(true);
  });

  it("takes for granted what it would have written: the same news again, or an edit of something else, opts nobody in", async () => {
    const made = await inSync("both");
    edit(made, 1, { donotemail: true });
    chooseInCampaign(made, 2, { blackListPhone: true });
    await made.dry.queue.send([optOut(2, "moved")]);
    await made.dry.run();
    const decided = await made.decided();

    edit(made, 1, { lastname: "Neuhaus" });
    edit(made, 2, { lastname: "Neuhaus" });
    await made.dry.queue.send([optOut(1, "again"), optOut(2, "again")]);
    await made.dry.run();

    const noted = (await made.notes()).flatMap(({ note }) => Object.values(note.optOuts).map(({ value }) => value));
    expect(noted).toEqual([true, true]);
    expect(decided).toHaveLength(2);
    expect(await made.decided()).toEqual(decided);
    expect(made.campaignWrites()).toEqual([]);
  });

  it("lets a profile that would be created begin opted out, and does not write that twice", async () => {
    const made = await makeDryWorld({ mapping: contactsWithOptOuts("both") });
    made.world.dynamics.put(recordId(1), { ...noChoice, donotemail: true });
    await made.dry.run();
    const [first] = await made.notes();

    made.world.clock.advance(actMs);
    await made.dry.queue.send([optOut(1, "moved")]);
    await made.dry.run();

    expect(first?.note).toMatchObject({ outcome: "created", optOuts: { email: { value: true } } });
    expect(await made.notes()).toEqual([first]);
    expect(made.campaignWrites()).toEqual([]);
  });

  it("shows what somebody chose in Campaign after it would have written", async () => {
    const made = await inSync("both");
    edit(made, 1, { donotemail: true });
    await made.dry.run();
    const read = async () => {
      const deadline = made.world.clock.now() + 60_000;
      const { campaign } = made.dry.ports.optOuts;
      return (await campaign.read(made.world.mapping("contact"), recordId(1), deadline))?.get("email")?.value;
    };
    const before = await read();

    chooseInCampaign(made, 1, { blackListEmail: true });
    chooseInCampaign(made, 1, { blackListEmail: false });

    expect([before, await read()]).toEqual([true, false]);
  });

  it("writes nothing on paper either under a version that the row has no more, or to a profile that is not there", async () => {
    const made = await inSync("both");
    await made.dry.ready();
    const { optOuts } = made.dry.ports;
    const [mapping, deadline] = [made.world.mapping("contact"), made.world.clock.now() + 60_000];

    const stale = optOuts.dynamics.write(mapping, recordId(1), { donotemail: true }, version(1));
    const absent = optOuts.campaign.write(mapping, recordId(9), new Map([["email", true]]), deadline);

    await expect(stale).rejects.toMatchObject({ kind: "conflict" });
    await expect(absent).rejects.toMatchObject({ kind: "missing" });
    expect(await made.notes()).toEqual([]);
  });

  it("opts somebody in again on paper only", async () => {
    const made = await inSync("toCampaign");
    edit(made, 1, { donotemail: true });
    await made.real.run();
    const before = made.campaignWrites();
    edit(made, 1, { donotemail: false });

    await made.dry.run();
    await made.dry.run();
    const written = made.campaignWrites();
    await made.real.run();

    expect(written).toEqual(before);
    const noted = (await made.notes()).find(({ id }) => id === recordId(1))?.note;
    expect(noted).toMatchObject({
      outcome: "updated",
      fields: ["blackListEmail"],
      optOuts: { email: { value: false } },
    });
    expect(made.campaignWrites()).toHaveLength(before.length + 1);
  });
});
