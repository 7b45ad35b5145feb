import { beforeEach, describe, expect, it } from "vitest";
import type { OptOutSource } from "../../shared/flows/optout-source.js";
import { makeRecent, pullOptOuts } from "../../shared/flows/pull-opt-outs.js";
import { type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { aMappingDocument, compiled } from "../support/mappings.js";

const minute = 60_000;
const mappingOf = (direction: string) =>
  compiled(
    aMappingDocument(undefined, {
      columns: { contactid: "id", lastname: "string", donotemail: "boolean" },
      optOuts: { direction, attributes: { email: "donotemail" } },
    }),
  );
const pace = {
  ...{ pageSize: 10, narrowMs: minute, wideMs: minute, wideEveryMs: minute, checkEveryMs: minute },
  ...{ busyMs: minute, idleMs: minute, maxDepth: 10, pollMs: 50 },
};

let own: ControlWorld;
let reads: number;
beforeEach(async () => {
  own = await makeControlWorld({ mappings: [mappingOf("both")] });
  reads = 0;
});

async function run() {
  const { settings, checkpoints, states, queue, gates, clock, binding } = own.world.ports;
  const source: OptOutSource = {
    async readMoved() {
      reads += 1;
      return { profiles: [], withoutKey: 0, malformed: 0 };
    },
  };
  const isWanted = () => own.control.isWanted("optout");
  const rung = makeRecent(10, minute, clock);
  const ports = { source, settings, checkpoints, states, queue, gates, clock, binding, isWanted, rung };
  return pullOptOuts(ports, pace, clock.now() + minute);
}
async function status(): Promise<Record<string, unknown> | undefined> {
  const { body } = await own.ask("GET", "/status");
  return (body.workflows as Record<string, unknown>[]).find(({ name }) => name === "optout");
}
const order = (act: "start" | "stop") =>
  own.ask("POST", `/workflows/optout/${act}`, { headers: { "x-operator": "ada" } });

describe("the status of opt-outs", () => {
  it("says STARTING before the first pull, RUNNING after it, and FAILED when there was none for long", async () => {
    const before = await status();
    await run();
    const after = await status();
    own.world.clock.advance(20 * minute);

    expect([before?.state, after?.state]).toEqual(["STARTING", "RUNNING"]);
    expect(await status()).toMatchObject({ state: "FAILED", reasons: [expect.stringContaining("optout-pull")] });
  });

  it("says nothing while no mapping wants opt-outs from Campaign", async () => {
    own.world.publish([mappingOf("toCampaign")]);

    expect(await status()).toBeUndefined();
  });

  it("says STOPPED once no page can be in hand, and a stopped pull reads nothing until it is started again", async () => {
    await run();
    await order("stop");
    own.world.clock.advance(2_000);
    const soon = await status();
    await run();
    own.world.clock.advance(5 * minute);
    const later = await status();
    await order("start");
    own.world.clock.advance(2_000);
    await run();

    expect([soon?.state, later?.state, later?.by]).toEqual(["STOPPING", "STOPPED", "ada"]);
    expect((await status())?.state).toBe("RUNNING");
    expect(reads).toBe(2);
  });
});
