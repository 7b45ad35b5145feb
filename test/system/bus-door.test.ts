import { afterEach, describe, expect, it } from "vitest";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { eventually } from "../../infra/local/people.js";
import { contactId } from "../../infra/local/scenarios/contacts.js";
import { makeServiceBusClient } from "../../shared/messaging/service-bus-client.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

describe("a notice on queue dataverse-notices", () => {
  it("rings like the webhook, and one that is no notice is logged and done with", async () => {
    // No sweep within the test: whatever arrives came through the door.
    system = await startSmallSystem(3, { SWEEP_SCHEDULE: "0 0 0 1 1 *" });
    await system.startHost();
    const client = makeServiceBusClient({ connectionString: String(system.runtime.settings.NOTICES) });
    const sender = client.createSender("dataverse-notices");
    const body = {
      MessageName: "Update",
      OrganizationId: WELL_KNOWN.organization,
      PrimaryEntityName: "contact",
      PrimaryEntityId: contactId(0),
      SharedVariables: [],
    };

    await sender.sendMessages([{ body: { nonsense: true } }, { body }]);
    await client.close();
    const profiles = await eventually("the profile", async () => {
      const found = await system?.observer.profiles();
      return found && found.length > 0 ? found : undefined;
    });

    expect(profiles.map(({ externalId }) => externalId)).toEqual([contactId(0)]);
    await eventually("the refusal", async () => /notice refused.*malformed/.test(system?.logs() ?? "") || undefined);
  }, 60_000);
});
