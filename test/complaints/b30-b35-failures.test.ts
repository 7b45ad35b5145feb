import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { knownCodes } from "../../shared/control/failure-fixes.js";
import { collectDeadLetter } from "../../shared/flows/collect-dead-letter.js";
import type { Envelope } from "../../shared/model/envelope.js";
import type { Row } from "../../shared/model/row.js";
import { type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { anEnvelope, recordId } from "../support/samples.js";
import { openFailures } from "./two-systems.js";

const id = recordId(1);
const tooLong: Row = { lastname: "Abendrot", emailaddress1: `${"x".repeat(130)}@example.com` };
const fits: Row = { lastname: "Abendrot", emailaddress1: "ann@example.com" };

let own: ControlWorld;
beforeEach(async () => {
  own = await makeControlWorld();
});

async function tell(row: Row, changes: Partial<Envelope> = {}): Promise<void> {
  const { version: _version, ...bare } = anEnvelope(changes);
  own.world.dynamics.put(id, row);
  await own.world.queue.send([{ ...bare, nonce: JSON.stringify(row).slice(0, 60) }]);
  await own.world.drain();
}
const names = () => own.world.profiles().map(({ lastName }) => lastName);

describe("B30: what failed vanishes, and nobody can have it tried again", () => {
  it("keeps every record that failed, with its id, reason and code, where an operator finds it", async () => {
    await tell(tooLong);

    const { body } = await own.ask("GET", "/failures", { query: { status: "open" } });

    expect(body.failures).toMatchObject([
      { table: "contact", id, status: "open", reason: "refused", code: "mapping", canRedrive: true },
    ]);
    expect(JSON.stringify(body)).not.toMatch(/xxx|@example|Abendrot/);
  });

  it("brings the record as it is now when an operator redrives it, and says that it is resolved", async () => {
    await tell(tooLong);
    own.world.dynamics.put(id, fits);

    await own.ask("POST", `/failures/contact/${id}/redrive`);
    await own.world.drain();

    expect(names()).toEqual(["Abendrot"]);
    expect((await own.ask("GET", `/failures/contact/${id}`)).body.status).toBe("resolved");
  });

  it("resolves it by itself when the record is corrected in Dynamics", async () => {
    await tell(tooLong);

    await tell(fits);

    expect(names()).toEqual(["Abendrot"]);
    expect(await openFailures(own.world)).toEqual([]);
  });

  it("makes a failure, and so a redrive, of a message that the platform gave up", async () => {
    own.world.dynamics.put(id, fits);
    const { read } = own.world.ports.states;
    own.world.ports.states.read = () => Promise.reject(new Error("a mistake of ours"));
    await own.world.queue.send([anEnvelope()]);
    await own.world.work();
    own.world.ports.states.read = read;
    const [letter] = own.world.queue.deadLetters();

    await collectDeadLetter(own.world.ports, {
      body: letter?.body,
      messageId: letter?.messageId ?? "",
      reason: "MaxDeliveryCountExceeded",
      enqueuedAt: "2026-03-01T00:00:00Z",
    });
    const found = await openFailures(own.world);
    await own.ask("POST", `/failures/contact/${id}/redrive`);
    await own.world.drain();

    expect(found).toMatchObject([{ table: "contact", id, reason: "dead-letter", code: "MaxDeliveryCountExceeded" }]);
    expect(names()).toEqual(["Abendrot"]);
  });
});

describe("B35: Campaign answers with an opaque code, and nobody knows what to do", () => {
  /** What an operator reads after Campaign answered a write with this text. */
  async function readAfter(text: string): Promise<Record<string, unknown> | undefined> {
    own = await makeControlWorld();
    const refusing = own.world.refuseNext(text);
    await tell(fits);
    expect(refusing.struck()).toBe(1);
    return (await openFailures(own.world))[0] as Record<string, unknown> | undefined;
  }

  it.each([
    ["'@email' is not valid for the 'email' enumeration of the '@gender' field", "bad-enumeration-value", "gender"],
    ["Cannot update the 'fullName' property that is read-only", "read-only", "fullName"],
    ["RST-360012 The key of a document may not change", "key-change", undefined],
  ])("names in our words what Campaign said: %s", async (text, code, field) => {
    const failure = await readAfter(text);

    expect(failure).toMatchObject({ reason: "refused", code, message: expect.stringContaining("profile") });
    if (field) expect(failure?.message).toContain(field);
  });

  it("is no failure at all when the text means that the record is there or not there: the other call is made", async () => {
    const failure = await readAfter(
      "RST-360011 An error has occurred - please contact your administrator. PGS-220000 duplicate key value, rc=-2003",
    );

    expect(failure).toBeUndefined();
  });

  it("says for every code what to do about it, where the operator reads the failure", async () => {
    await readAfter("Cannot update the 'fullName' property that is read-only");

    const { body } = await own.ask("GET", "/failures");

    expect(body).toMatchObject({ failures: [{ code: "read-only", fix: expect.stringContaining("Take it out") }] });
    const codes = readFileSync("shared/campaign/to-error.ts", "utf8").matchAll(/code: "([a-z-]+)"/g);
    for (const [, code] of codes) expect(knownCodes).toContain(code);
  });
});
