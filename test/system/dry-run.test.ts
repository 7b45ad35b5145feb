import { afterEach, describe, expect, it } from "vitest";
import { makeOperator, type Operator } from "../../infra/local/operator.js";
import { eventually } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { contactId, inventContact } from "../../infra/local/scenarios/contacts.js";
import { toOutgoingMessage } from "../../shared/messaging/outgoing-message.js";
import { makeServiceBusClient } from "../../shared/messaging/service-bus-client.js";
import { parseRecordId } from "../../shared/model/ids.js";
import { anEnvelope } from "../support/samples.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem | undefined;
afterEach(() => system?.stop());

const contacts = 12;

interface DryReport {
  number: number;
  counts: { system: string; table: string; outcome: string; records: number }[];
}

/** Requests of the app to the stand-ins that were no reads and asked for no token; `ours`: by our own user of Dynamics, not the editor. */
async function campaignWrites({ runtime }: SmallSystem): Promise<string[]> {
  const { counts } = (await (await fetch(`${runtime.addresses.campaign}/_sim/requests?limit=0`)).json()) as {
    counts: object;
  };
  return Object.keys(counts).filter((what) => !/^GET |\/_sim\/|\/ims\/token/.test(what));
}

async function waitingOn({ runtime }: SmallSystem, queue: string): Promise<number> {
  const queues = (await (await fetch(`${runtime.addresses.busAdmin}/_sim/state/queues`)).json()) as {
    name: string;
    active: number;
  }[];
  return queues.find(({ name }) => name === queue)?.active ?? Number.NaN;
}

const operatorOf = ({ runtime }: SmallSystem, host: LocalProcess): Operator =>
  makeOperator(() => host.address, String(runtime.settings.LOCAL_FUNCTION_KEY));

/** Waits for it; what is looked at and left as it is does not count. */
const reported = (operator: Operator, wanted: Record<string, number>): Promise<true> =>
  eventually(`a report of ${JSON.stringify(wanted)}`, async () => {
    const { counts } = (await operator.send("GET", "/dry-run").catch(() => ({ counts: [] }))) as DryReport;
    const written = counts.filter(({ outcome }) => outcome !== "unchanged");
    const found = Object.fromEntries(written.map(({ table, outcome, records }) => [`${table} ${outcome}`, records]));
    return JSON.stringify(found) === JSON.stringify(wanted) ? true : undefined;
  });

describe("DRY_RUN, switched on and off on a deployment", () => {
  it("reports loads and live changes, writes nothing, leaves the real run's messages where they are, and the real run then does it all", async () => {
    system = await startSmallSystem(contacts);
    const { runtime, editor, observer } = system;
    const id = parseRecordId(contactId(0));
    const bus = makeServiceBusClient({ connectionString: String(runtime.settings.SERVICEBUS) });
    const message = toOutgoingMessage(
      anEnvelope({ id, version: undefined, force: true }),
      Number(runtime.settings.LANES),
    );
    await bus.createSender("changes").sendMessages(message);
    await bus.close();

    const dry = await system.startHost("host", { DRY_RUN: "on" });
    await system.register(dry);
    const operator = operatorOf(system, dry);
    await reported(operator, { "contact created": contacts });
    await editor.update(contactId(1), { lastname: "Neuhaus" });
    await editor.create(inventContact(contacts));
    await editor.remove(contactId(2));
    await reported(operator, { "contact created": contacts });
    await eventually("the contact that came and went", async () => {
      const { counts } = (await operator.send("GET", "/dry-run")) as DryReport;
      return counts.some(({ outcome }) => outcome === "unchanged") ? true : undefined;
    });
    const health = await (await fetch(`${dry.address}/api/health?code=${runtime.settings.LOCAL_FUNCTION_KEY}`)).json();
    const [status, written, waiting, profiles] = [
      await operator.send("GET", "/status"),
      await campaignWrites(system),
      await waitingOn(system, "changes"),
      await observer.profileCount(),
    ];
    await dry.stop();
    const real = await system.startHost("host", { DRY_RUN: "off" });
    await system.agree();

    expect(health).toMatchObject({ status: "ok", dryRun: true });
    expect(status).toMatchObject({ dryRun: { number: 1 } });
    expect([written, waiting, profiles]).toEqual([[], 1, 0]);
    expect(await waitingOn(system, "changes")).toBe(0);
    expect(await observer.profileCount()).toBe(contacts);
    await expect(operatorOf(system, real).send("GET", "/dry-run")).rejects.toMatchObject({ status: 409 });
    expect(system.log("host.log")).not.toContain("Neuhaus");

    await real.stop();
    const again = await system.startHost("host", { DRY_RUN: "on" });
    const second = operatorOf(system, again);
    await editor.update(contactId(1), { lastname: "Altmann" });
    await reported(second, { "contact updated": 1 });
    const { number } = (await second.send("GET", "/dry-run")) as DryReport;
    const { number: next } = (await second.send("DELETE", "/dry-run")) as { number: number };

    expect([number, next]).toEqual([2, 3]);
  }, 240_000);
});
