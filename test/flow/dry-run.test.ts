import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { campaignInstance } from "../../infra/local/scenarios/acme/campaign-instance.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { type DryWorld, makeDryWorld } from "../support/dry-world.js";
import { Killed } from "../support/ingress-world.js";
import { compiled } from "../support/mappings.js";
import { anEnvelope, recordId } from "../support/samples.js";

const acme = (name: string) => compiled(JSON.parse(readFileSync(`docs/examples/acme-${name}.json`, "utf8")));
const acmeMappings = () => [...shippedMappings().values(), acme("dealer"), acme("vehicle"), acme("visit")];

/** Three contacts, and no profile. */
async function withContacts(): Promise<DryWorld> {
  const made = await makeDryWorld();
  for (const number of [1, 2, 3]) made.world.dynamics.put(recordId(number), { lastname: "Abendrot" });
  return made;
}

/** The same, and all of them are in Campaign. */
async function inSync(): Promise<DryWorld> {
  const made = await withContacts();
  await made.real.run();
  // Edits of one second would be put together with the load's.
  made.world.clock.advance(10_000);
  made.world.requests.length = 0;
  return made;
}

describe("a dry run of ingress", () => {
  it("reports a first load as the real run then does it, writes nothing, and leaves the state for that run as it was", async () => {
    const made = await withContacts();
    const before = await made.realState();

    await made.dry.run();
    const [report, written, state] = [await made.report(), made.campaignWrites(), await made.realState()];
    const done = await made.real.run();

    expect(written).toEqual([]);
    expect(state).toEqual(before);
    expect(report).toEqual({ "campaign contact created": 3 });
    expect(done).toEqual({ "contact created": 3 });
    expect(made.world.profiles()).toHaveLength(3);
  });

  it("begins with what the real app has done: only what changed since would be written, field by field", async () => {
    const made = await inSync();
    made.world.dynamics.put(recordId(1), { lastname: "Neuhaus" });
    made.world.dynamics.put(recordId(2), { lastname: "Abendrot", jobtitle: "Baker" });
    made.world.dynamics.remove(recordId(3));

    await made.dry.run();
    const report = await made.report();
    const notes = await made.notes();
    const written = made.campaignWrites();
    const done = await made.real.run();

    expect(written).toEqual([]);
    expect(report).toEqual({
      "campaign contact deleted": 1,
      "campaign contact unchanged": 1,
      "campaign contact updated": 1,
    });
    expect(done).toEqual({ "contact deleted": 1, "contact unchanged": 1, "contact updated": 1 });
    expect(notes.find(({ id }) => id === recordId(1))?.note.fields).toEqual(["lastName"]);
  });

  it("counts a record once, whatever would have been written to it one after the other", async () => {
    const made = await withContacts();
    await made.dry.run();

    made.world.clock.advance(10_000);
    made.world.dynamics.put(recordId(1), { lastname: "Neuhaus" });
    made.world.dynamics.remove(recordId(2));
    const outcomes = await made.dry.run();

    expect(outcomes).toEqual({ "contact updated": 1, "contact deleted": 1 });
    expect(await made.report()).toEqual({ "campaign contact created": 2, "campaign contact unchanged": 1 });
    expect(made.campaignWrites()).toEqual([]);
  });

  it("finds a profile that is there though nobody knew, as the real run does", async () => {
    const again = await makeDryWorld();
    again.world.dynamics.put(recordId(1), { lastname: "Abendrot" });
    await again.real.run();
    // The state is lost, the profile is not.
    const lost = await makeDryWorld();
    lost.world.dynamics.put(recordId(1), { lastname: "Neuhaus" });
    const { campaignSource } = lost.world.ports;
    campaignSource.fetch = (...given) => again.world.ports.campaignSource.fetch(...given);

    await lost.dry.run();

    expect(await lost.report()).toEqual({ "campaign contact updated": 1 });
    expect((await lost.notes())[0]?.note.fields).toEqual(["lastName"]);
  });

  it("takes parents that would be created for created, so that children do not wait for them", async () => {
    const made = await makeDryWorld({ mappings: acmeMappings(), campaign: campaignInstance });
    const [dealer, vehicle] = [recordId(1), recordId(2)];
    made.world.dynamics.put(dealer, { acme_name: "North", statecode: 0 }, "acme_dealer");
    const van = { acme_name: "Van", acme_dealerid: dealer, "acme_dealerid.type": "acme_dealer", statecode: 0 };
    made.world.dynamics.put(vehicle, van, "acme_vehicle");

    await made.dry.run();
    const report = await made.report();
    const written = made.campaignWrites();
    await made.real.run();

    expect(report).toEqual({ "campaign acme_dealer created": 1, "campaign acme_vehicle created": 1 });
    expect(written).toEqual([]);
    expect(made.world.records("cusVehicle")).toHaveLength(1);
  });

  it("says which record waits for a parent that does not exist, and that it fails in the end", async () => {
    const made = await makeDryWorld({ mappings: acmeMappings(), campaign: campaignInstance });
    const van = { acme_name: "Van", acme_dealerid: recordId(9), "acme_dealerid.type": "acme_dealer", statecode: 0 };
    made.world.dynamics.put(recordId(2), van, "acme_vehicle");
    made.dry.ports.links.shouldAsk = async () => false;

    await made.dry.run();

    const [entry] = await made.notes();
    expect(entry?.note).toMatchObject({ outcome: "failed", reason: expect.stringContaining("acme_dealer") });
    expect(made.campaignWrites()).toEqual([]);
  });

  it("leaves what waits for the real run on its queue, and nothing of its own there", async () => {
    const made = await inSync();
    const version = made.world.dynamics.put(recordId(1), { lastname: "Neuhaus" });
    await made.real.queue.send([anEnvelope({ version })]);

    await made.dry.queue.send([anEnvelope({ id: recordId(2), force: true })]);
    await made.dry.run();
    const done = await made.real.drain();

    expect(made.dry.queue.readyLanes()).toEqual([]);
    expect(done).toEqual({ "contact updated": 1 });
    expect(made.campaignWrites()).toHaveLength(1);
  });

  it("comes to the same report, with nothing written, wherever its process is killed", async () => {
    const scenario = async (): Promise<DryWorld> => {
      const made = await inSync();
      made.world.dynamics.put(recordId(1), { lastname: "Neuhaus" });
      made.world.dynamics.remove(recordId(2));
      made.world.dynamics.put(recordId(4), { lastname: "Birkholz" });
      return made;
    };
    const play = async (made: DryWorld): Promise<void> => {
      for (;;) {
        try {
          return void (await made.dry.run());
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          made.restart();
        }
      }
    };
    const whole = await scenario();
    whole.killAt({ call: Number.POSITIVE_INFINITY, when: "before" });
    await play(whole);
    const uses = whole.uses();

    const wrong: string[] = [];
    for (let call = 1; call <= uses; call += 1) {
      for (const when of ["before", "after"] as const) {
        const made = await scenario();
        const before = await made.realState();
        made.killAt({ call, when });
        await play(made);
        const found = JSON.stringify([await made.report(), made.campaignWrites()]);
        const isRight = found === JSON.stringify([await whole.report(), []]);
        const isUntouched = JSON.stringify(await made.realState()) === JSON.stringify(before);
        if (!isRight || !isUntouched) wrong.push(`${when} ${call} of ${uses}: ${found}`);
      }
    }

    expect(await whole.report()).toEqual({
      "campaign contact created": 1,
      "campaign contact deleted": 1,
      "campaign contact updated": 1,
    });
    expect(wrong).toEqual([]);
  }, 60_000);

  it("notes no value of a person's", async () => {
    const made = await withContacts();

    await made.dry.run();

    expect(JSON.stringify(await made.notes())).not.toContain("Abendrot");
  });
});
