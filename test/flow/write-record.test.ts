import { beforeEach, describe, expect, it } from "vitest";
import { handleChange } from "../../shared/flows/handle-change.js";
import type { Envelope } from "../../shared/model/envelope.js";
import type { RowVersion } from "../../shared/model/ids.js";
import type { Row } from "../../shared/model/row.js";
import { type IngressWorld, makeIngressWorld } from "../support/ingress-world.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";
import { anEnvelope, recordId } from "../support/samples.js";

const id = recordId(1);
const ann: Row = { lastname: "Birkholz", firstname: "Ann", emailaddress1: "ann@example.com", gendercode: 2 };

let world: IngressWorld;
beforeEach(async () => {
  world = await makeIngressWorld();
});

/** A message about contact 1 without its row. */
function bare(changes: Partial<Envelope> = {}): Envelope {
  const { version: _version, ...rest } = anEnvelope();
  return { ...rest, ...changes };
}

/** A message that carries the row as an image would. */
function withRow(version: RowVersion, row: Row, changes: Partial<Envelope> = {}): Envelope {
  const mapping = world.mapping("contact");
  const whole = Object.fromEntries((mapping?.cells ?? []).map((column) => [column, row[column] ?? null]));
  return anEnvelope({ version, row: { ...whole, contactid: id }, columns: mapping?.columnSet, ...changes });
}

async function handle(...envelopes: Envelope[]): Promise<void> {
  await world.queue.send(envelopes);
  await world.drain();
}

describe("writing a contact to its profile", () => {
  it("spends one call for an insert, one for an update, none for an edit of nothing mapped, one for a delete", async () => {
    const spent: number[] = [];
    const played = async (version: RowVersion | undefined, row: Row): Promise<void> => {
      const before = world.campaignCalls();
      await handle(version === undefined ? bare({ kind: "delete", nonce: "deleted" }) : withRow(version, row));
      spent.push(world.campaignCalls() - before);
    };

    await played(world.dynamics.put(id, ann), ann);
    await played(world.dynamics.put(id, { ...ann, lastname: "Neuhaus" }), { ...ann, lastname: "Neuhaus" });
    await played(world.dynamics.put(id, { ...ann, lastname: "Neuhaus", jobtitle: "x" }), {
      ...ann,
      lastname: "Neuhaus",
    });
    world.dynamics.remove(id);
    await played(undefined, {});

    expect(spent).toEqual([1, 1, 0, 1]);
  });

  it("writes names, contact data, birthday, gender and address into the profile's own fields", async () => {
    const version = world.dynamics.put(id, ann);

    await handle(
      withRow(version, { ...ann, birthdate: "1990-05-03", address1_city: "Sampleford", address1_postalcode: "12345" }),
    );

    expect(world.profiles()[0]).toMatchObject({
      externalId: id,
      lastName: "Birkholz",
      firstName: "Ann",
      email: "ann@example.com",
      gender: "female",
      birthDate: "1990-05-03",
      location: { city: "Sampleford", zipCode: "12345" },
    });
  });

  it("empties a field that was emptied in Dynamics", async () => {
    await handle(withRow(world.dynamics.put(id, ann), ann));

    await handle(withRow(world.dynamics.put(id, { lastname: "Birkholz" }), { lastname: "Birkholz" }));

    expect(world.profiles()[0]).toMatchObject({ firstName: "", email: "", gender: "unknown" });
  });

  it("reads the row fresh when the message carries none, or one of other columns", async () => {
    const version = world.dynamics.put(id, ann);

    await handle(anEnvelope({ version, row: { lastname: "Stale" }, columns: "other" }));

    expect(world.profiles()[0]).toMatchObject({ lastName: "Birkholz" });
  });

  it("does not let an older change that arrives late overwrite a newer one", async () => {
    const older = world.dynamics.put(id, ann);
    const newer = world.dynamics.put(id, { ...ann, lastname: "Neuhaus" });

    await handle(withRow(newer, { ...ann, lastname: "Neuhaus" }), withRow(older, ann));

    expect(world.profiles()[0]).toMatchObject({ lastName: "Neuhaus" });
    expect(world.writes(id)).toHaveLength(1);
  });

  it("does nothing the second time when the same change is delivered twice", async () => {
    const version = world.dynamics.put(id, ann);

    await handle(withRow(version, ann), withRow(version, ann, { cause: "sweep", nonce: "page" }));

    expect(world.campaignCalls()).toBe(1);
  });

  it("spends two calls on five edits of one contact within a second, and ends with the last one", async () => {
    await handle(withRow(world.dynamics.put(id, ann), ann));
    world.clock.advance(5_000);
    const before = world.campaignCalls();

    const edits = ["Erst", "Zweit", "Dritt", "Viert", "Neuhaus"].map((lastname) => {
      const row = { ...ann, lastname };
      return withRow(world.dynamics.put(id, row), row);
    });
    await handle(...edits);

    expect(world.campaignCalls() - before).toBe(2);
    expect(world.profiles()).toMatchObject([{ lastName: "Neuhaus" }]);
  });

  it("spends neither a read of Dynamics nor a call of Campaign on old news", async () => {
    const older = world.dynamics.put(id, ann);
    await handle(withRow(world.dynamics.put(id, { ...ann, lastname: "Neuhaus" }), { ...ann, lastname: "Neuhaus" }));
    const [calls, reads] = [world.campaignCalls(), world.reads()];

    await handle(anEnvelope({ version: older }), withRow(older, ann, { cause: "sweep", nonce: "page" }));

    expect([world.campaignCalls(), world.reads()]).toEqual([calls, reads]);
  });

  it("lets the next change through at once after Campaign refused one: nothing is under way", async () => {
    await handle(withRow(world.dynamics.put(id, ann), ann));
    const refusing = world.refuseNext("'lastName' property is not valid for the 'profile' resource.");
    world.clock.advance(2_000);
    const bad = { ...ann, lastname: "Refused" };
    await handle(withRow(world.dynamics.put(id, bad), bad));
    const before = world.clock.now();

    const good = { ...ann, lastname: "Neuhaus" };
    await handle(withRow(world.dynamics.put(id, good), good));

    expect(refusing.struck()).toBe(1);
    expect(world.clock.now() - before).toBe(0);
    expect(world.profiles()).toMatchObject([{ lastName: "Neuhaus" }]);
  });

  it("takes a delete notice that comes after the row was restored for what it is: old news", async () => {
    await handle(withRow(world.dynamics.put(id, ann), ann));
    world.dynamics.remove(id);
    world.dynamics.put(id, { ...ann, lastname: "Restored" });

    await handle(bare({ kind: "delete", nonce: "late" }));

    expect(world.profiles()[0]).toMatchObject({ lastName: "Restored" });
  });

  it("does not resurrect a profile when the creation arrives after the delete", async () => {
    const version = world.dynamics.put(id, ann);
    world.dynamics.remove(id);

    await handle(bare({ kind: "delete", nonce: "first" }), withRow(version, ann));

    expect(world.profiles()).toEqual([]);
  });

  it("creates the profile anew when the contact is restored under its old id", async () => {
    await handle(withRow(world.dynamics.put(id, ann), ann));
    world.dynamics.remove(id);
    await handle(bare({ kind: "delete", nonce: "deleted" }));

    await handle(withRow(world.dynamics.put(id, ann), ann));

    expect(world.profiles()).toHaveLength(1);
  });

  it("retires the loser of a merge like a deleted contact", async () => {
    await handle(withRow(world.dynamics.put(id, ann), ann));

    const merged = { ...ann, merged: true };
    await handle(withRow(world.dynamics.put(id, merged), merged));

    expect(world.profiles()).toEqual([]);
  });

  it("writes a profile that somebody deleted in Campaign anew", async () => {
    await handle(withRow(world.dynamics.put(id, ann), ann));
    world.campaignCommand("remove", { resource: "profile", key: id });

    const renamed = { ...ann, lastname: "Neuhaus" };
    await handle(withRow(world.dynamics.put(id, renamed), renamed));

    expect(world.profiles()).toMatchObject([{ lastName: "Neuhaus", firstName: "Ann" }]);
  });

  it("updates the profile that already carries the contact's id instead of creating a second one", async () => {
    world.campaignCommand("seed", { resource: "profile", records: [{ externalId: id, lastName: "Old" }] });

    await handle(withRow(world.dynamics.put(id, ann), ann));

    expect(world.profiles()).toMatchObject([{ lastName: "Birkholz" }]);
  });

  it("never touches a profile without a contact's id", async () => {
    world.campaignCommand("seed", { resource: "profile", records: [{ email: "ann@example.com", lastName: "Other" }] });

    await handle(withRow(world.dynamics.put(id, ann), ann));
    world.dynamics.remove(id);
    await handle(bare({ kind: "delete", nonce: "deleted" }));

    expect(world.profiles()).toMatchObject([{ lastName: "Other", externalId: "" }]);
  });

  it("records a contact that does not fit as a failure with the field's name, and resolves it with the next success", async () => {
    const long = { ...ann, emailaddress1: `${"x".repeat(130)}@example.com` };
    await handle(withRow(world.dynamics.put(id, long), long));
    const open = await listFailures();

    await handle(withRow(world.dynamics.put(id, ann), ann));

    expect(open).toMatchObject([{ id, reason: "refused", code: "mapping", message: expect.stringContaining("email") }]);
    expect(open[0]?.message).not.toContain("xxx");
    expect(await listFailures()).toEqual([]);
    expect(world.profiles()).toHaveLength(1);
  });

  it("sends nothing when the process slept past its deadline after announcing the call: somebody else may write by now", async () => {
    const version = world.dynamics.put(id, ann);
    const { states } = world.ports;
    const sleepy: typeof states = {
      read: (table, record) => states.read(table, record),
      list: (table, bucket) => states.list(table, bucket),
      async save(table, record, state, etag) {
        const saved = await states.save(table, record, state, etag);
        if (state.intent) world.clock.advance(world.ports.campaignBudgetMs);
        return saved;
      },
    };

    const result = await handleChange({ ...world.ports, states: sleepy }, withRow(version, ann));

    expect(result.outcome).toBe("delayed");
    expect(world.campaignCalls()).toBe(0);
  });

  it("writes a field without apply-updates on insert and on load, and leaves it alone on a live change", async () => {
    const fields = [aField(), aField({ source: { column: "firstname" }, target: "firstName", applyUpdates: false })];
    world = await makeIngressWorld({ mapping: compiled(aMappingDocument(fields)) });
    const firstNames: unknown[] = [];
    const played = async (row: Row, cause: Envelope["cause"]): Promise<void> => {
      await handle(withRow(world.dynamics.put(id, row), row, { cause }));
      firstNames.push(world.profiles()[0]?.firstName);
    };

    await played({ lastname: "Lee", firstname: "Ann" }, "notice");
    await played({ lastname: "Neuhaus", firstname: "Bea" }, "notice");
    await played({ lastname: "Neuhaus", firstname: "Cleo" }, "load");
    const calls = world.campaignCalls();
    await played({ lastname: "Neuhaus", firstname: "Cleo" }, "load");

    expect(firstNames).toEqual(["Ann", "Ann", "Cleo", "Cleo"]);
    expect(world.campaignCalls()).toBe(calls);
  });

  describe("whose row the filters keep out", () => {
    const leave = { join: "and", conditions: [{ column: "lastname", comparison: "notEquals", value: "Geheim" }] };
    const visible = { lastname: "Lee", firstname: "Ann" };
    const hidden = { lastname: "Geheim", firstname: "Ann" };

    async function played(whenFilteredOut: "leave" | "delete", ...rows: Row[]): Promise<unknown[]> {
      world = await makeIngressWorld({
        mapping: compiled(aMappingDocument(undefined, { filters: leave, whenFilteredOut })),
      });
      for (const row of rows) await handle(withRow(world.dynamics.put(id, row), row));
      return world.profiles().map(({ lastName }) => lastName);
    }

    it("creates no profile", async () => {
      expect(await played("delete", hidden)).toEqual([]);
      expect(world.campaignCalls()).toBe(0);
    });

    it("deletes the profile, or leaves it as it was, as the mapping says", async () => {
      expect(await played("delete", visible, hidden)).toEqual([]);
      expect(await played("leave", visible, hidden)).toEqual(["Lee"]);
    });

    it("writes it again when the filters let it back in, though the content is what it was", async () => {
      expect(await played("delete", visible, hidden, visible)).toEqual(["Lee"]);
      expect(await played("leave", visible, hidden, visible)).toEqual(["Lee"]);
    });
  });

  it("writes nothing for a table that no mapping names", async () => {
    await handle(anEnvelope({ table: "account" }));

    expect(world.campaignCalls()).toBe(0);
  });
});

async function listFailures() {
  const found = [];
  for await (const failure of world.failures.list("open")) found.push(failure);
  return found;
}
