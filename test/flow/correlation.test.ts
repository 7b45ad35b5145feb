import { beforeEach, describe, expect, it } from "vitest";
import { RefusedError, UnavailableError } from "../../shared/errors.js";
import type { Notice } from "../../shared/flows/notice.js";
import { receiveNotice } from "../../shared/flows/receive-notice.js";
import { all, type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { recordId } from "../support/samples.js";

let own: ControlWorld;
beforeEach(async () => {
  own = await makeControlWorld();
  own.world.dynamics.put(recordId(1), { lastname: "Abendrot" });
});

/** A notice without an image; `changes` on top. */
const noticed = (changes: Partial<Notice> = {}) =>
  receiveNotice(own.world.ports, {
    organizationId: "org",
    message: "Update",
    records: [{ table: "contact", id: recordId(1), deleted: false, image: () => undefined }],
    truncated: false,
    occurredAt: "2026-03-01T00:00:00Z",
    correlationId: "from-dynamics",
    requestId: "",
    operationId: "",
    tags: [],
    ...changes,
  });
const correlationOf = (outcome: Awaited<ReturnType<typeof noticed>>): string | undefined =>
  outcome.outcome === "queued" ? outcome.envelopes[0]?.correlationId : undefined;

describe("the correlation id of a change", () => {
  it("is kept when the change has to wait, in the failure it ends in, and in the redrive of that", async () => {
    const { world } = own;
    const answers = [new UnavailableError("away", false), new RefusedError("no such field", "400")];
    world.ports.campaign = {
      ...world.ports.campaign,
      insert: async () => Promise.reject(answers.shift()),
    };

    await noticed();
    await world.drain();
    const failures = await all(world.failures.list("open"));
    await own.ask("POST", `/failures/contact/${recordId(1)}/redrive`);
    const [lane = ""] = world.queue.readyLanes();

    expect(answers).toEqual([]);
    expect(failures.map(({ correlationId }) => correlationId)).toEqual(["from-dynamics"]);
    expect(world.queue.receive(lane)?.body).toMatchObject({ cause: "redrive", correlationId: "from-dynamics" });
  });

  it("is made up for a notice that has none, the same when that notice comes again and another one for another", async () => {
    const first = correlationOf(await noticed({ correlationId: "", requestId: "r1" }));
    const again = correlationOf(await noticed({ correlationId: "", requestId: "r1" }));
    const other = correlationOf(await noticed({ correlationId: "", requestId: "r2" }));

    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });
});
