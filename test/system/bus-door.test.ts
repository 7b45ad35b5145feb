import { afterEach, describe, expect, it } from "vitest";
import { busNameOf } from "../../infra/dataverse/desired.js";
import { applyRegistration, planRegistration } from "../../infra/dataverse/provision.js";
import { eventually } from "../../infra/local/people.js";
import { contactId } from "../../infra/local/scenarios/contacts.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { makeServiceBusClient } from "../../shared/messaging/service-bus-client.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

describe("queue dataverse-notices", () => {
  it("rings like the webhook once it is registered in Dynamics, and what is no notice is logged and done with", async () => {
    // No sweep within the test: whatever arrives came through the door.
    system = await startSmallSystem(3, { SWEEP_SCHEDULE: "0 0 0 1 1 *" });
    await system.startHost();
    const notices = String(system.runtime.settings.NOTICES);
    await registerBus(system.runtime.settings, notices);
    const client = makeServiceBusClient({ connectionString: notices });
    await client.createSender("dataverse-notices").sendMessages([{ body: { nonsense: true } }]);
    await client.close();

    await system.editor.update(contactId(0), { firstname: "Ann" });
    const profiles = await eventually("the profile", async () => {
      const found = await system?.observer.profiles();
      return found && found.length > 0 ? found : undefined;
    });

    expect(profiles.map(({ externalId }) => externalId)).toEqual([contactId(0)]);
    await eventually("the refusal", async () => /notice refused.*malformed/.test(system?.logs() ?? "") || undefined);
  });
});

/** Has Dynamics post to the queue, and to nothing else, as `npm run dataverse:apply` does. */
async function registerBus(settings: Readonly<Record<string, string>>, connection: string): Promise<void> {
  const part = (name: string): string => new RegExp(`${name}=([^;]+)`).exec(connection)?.[1] ?? "";
  const bus = {
    namespace: part("Endpoint"),
    queue: "dataverse-notices",
    sasName: part("SharedAccessKeyName"),
    sasKey: part("SharedAccessKey"),
    name: busNameOf("acs-sync"),
  };
  const http = makeHttpClient({ clock: systemClock, random: Math.random });
  const client = makeDynamicsClient(loadSettings(settings), http, systemClock);
  await applyRegistration(await planRegistration({ client, bus, mappings: shippedMappings() }), () => {});
}
