import { afterEach, describe, expect, it } from "vitest";
import { contactId } from "../../infra/local/scenarios/contacts.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

describe("bus, tables and both simulators killed one after the other while two Functions hosts work", () => {
  it("each comes back, the hosts go on by themselves, and both systems end up equal", async () => {
    system = await startSmallSystem(400, { CAMPAIGN_CALL_SECONDS: "2" });
    const { runtime, observer, editor } = system;
    await observer.slow("campaign", 20);
    await system.startHost("host");
    // The first may hold all lanes; the webhook gives the second its share.
    await system.register(await system.startHost("host-2"));

    for (const [index, name] of (["campaign", "bus", "dataverse", "tables"] as const).entries()) {
      await pause(2_000);
      await runtime.kill(name);
      await pause(1_000);
      await runtime.restart(name);
      await editor.update(contactId(index), { lastname: "Neuhaus" });
    }
    await system.agree(180_000);

    const workers = ["host-2.log", "host.log"].map((file) => /Executed/.test(system?.log(file) ?? ""));
    expect(workers).toEqual([true, true]);
    expect(await observer.profileCount()).toBe(400);
  }, 300_000);
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
