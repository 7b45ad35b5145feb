import { beforeEach, describe, expect, it } from "vitest";
import { busNameOf } from "../../infra/dataverse/desired.js";
import {
  applyRegistration,
  type ProvisionOptions,
  planRegistration,
  planRemoval,
  warnings,
} from "../../infra/dataverse/provision.js";
import { makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import type { BusMessage, BusTarget } from "../../infra/local/sim/types.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { imageAliasOf, parseNotice } from "../../shared/dataverse/notice.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { coreHttp, coreWorld } from "../support/core-http.js";
import { fixedClock } from "../support/fixed-clock.js";

const mappings = shippedMappings();
const webhook = { url: "https://app.example.com/api/ingress-webhook", key: "key", name: "acs-sync" };
const bus = {
  namespace: "sb://contoso.servicebus.windows.net/",
  queue: "dataverse-notices",
  sasName: "dynamics",
  sasKey: "bG9jYWw=",
  name: busNameOf("acs-sync"),
};
const written = "write the key of bus endpoint acs-sync-bus";
let client: DataverseClient;
let sent: { target: BusTarget; message: BusMessage }[];

beforeEach(() => {
  const clock = fixedClock("2026-03-01T00:00:00Z");
  sent = [];
  const core = makeDataverseCore({
    ...coreWorld(clock),
    async sendToBus(target, message) {
      sent.push({ target, message });
      return "sent";
    },
  });
  const url = new URL("http://dataverse.test");
  const { clientId, clientSecret } = LOCAL_APPS.integration;
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, clientId, clientSecret };
  client = makeDynamicsClient({ dynamics: { url, auth } }, coreHttp({ "dataverse.test": core }, clock), clock);
});

type Doors = Pick<ProvisionOptions, "webhook" | "bus">;

async function plan(doors: Doors): Promise<string[]> {
  return (await planRegistration({ client, mappings, ...doors })).map(({ what }) => what);
}

async function apply(doors: Doors): Promise<void> {
  await applyRegistration(await planRegistration({ client, mappings, ...doors }), () => {});
}

async function rows(path: string): Promise<Record<string, unknown>[]> {
  return ((await client.json({ operation: "look", path })) as { value: Record<string, unknown>[] }).value;
}

describe("the registration of the queue in Dynamics", () => {
  it("posts a change to the queue, as JSON, with a row under the alias of the mapping's columns", async () => {
    await apply({ bus });
    const body = { lastname: "Lee" };
    await client.call({ operation: "create contact", method: "POST", path: "contacts", body });

    await expect.poll(() => sent.length).toBe(1);

    const contact = mappings.get("contact");
    const notice = parseNotice(JSON.parse(sent[0]?.message.body ?? ""), "2026-03-01T00:00:00.000Z");
    expect(sent[0]?.target).toEqual({
      namespaceUrl: "sb://contoso.servicebus.windows.net/",
      entity: "dataverse-notices",
      keyName: "dynamics",
      key: "bG9jYWw=",
    });
    expect(sent[0]?.message.contentType).toBe("application/json");
    expect(contact && notice.records[0]?.image(contact)?.row.lastname).toBe("Lee");
  });

  it("makes one endpoint and the same steps and images as the webhook gets", async () => {
    await apply({ bus });

    const steps = await rows("sdkmessageprocessingsteps?$filter=startswith(name,'acs-sync')&$orderby=name");
    const images = await rows("sdkmessageprocessingstepimages?$select=entityalias");
    const contact = mappings.get("contact");
    expect(steps.map(({ name }) => name)).toEqual([
      "acs-sync-bus: Create of contact",
      "acs-sync-bus: Delete of contact",
      "acs-sync-bus: Merge of contact",
      "acs-sync-bus: Update of contact",
    ]);
    expect(new Set(images.map(({ entityalias }) => entityalias))).toEqual(new Set([contact && imageAliasOf(contact)]));
  });

  it("has nothing left to do after an apply, and registers nothing twice", async () => {
    await apply({ bus });
    await apply({ bus });

    expect(await plan({ bus })).toEqual([]);
    expect(await rows("serviceendpoints?$select=name")).toHaveLength(1);
    expect(await rows("sdkmessageprocessingsteps?$filter=startswith(name,'acs-sync')")).toHaveLength(4);
  });

  it("finishes what an apply that was killed after any action left undone", async () => {
    const { length } = await planRegistration({ client, mappings, webhook, bus });

    for (let done = 0; done <= length; done += 1) {
      await applyRegistration(await planRemoval({ client, webhook, bus }), () => {});
      for (const action of (await planRegistration({ client, mappings, webhook, bus })).slice(0, done))
        await action.run();
      await apply({ webhook, bus });

      expect(await plan({ webhook, bus })).toEqual([]);
    }
  });

  it("moves the endpoint to another queue and keeps its steps", async () => {
    await apply({ bus });
    const moved = { ...bus, queue: "notices-2" };

    const planned = await plan({ bus: moved });
    await apply({ bus: moved });

    const to = "sb://contoso.servicebus.windows.net/notices-2";
    const from = "sb://contoso.servicebus.windows.net/dataverse-notices";
    expect(planned).toEqual([`${written}, and point it to ${to} instead of ${from}`]);
    expect(await plan({ bus: moved })).toEqual([]);
  });

  it("refuses a namespace that is no sb:// address before it touches anything", async () => {
    const named = { ...bus, namespace: "contoso" };

    await expect(plan({ bus: named })).rejects.toThrow("must look like sb://contoso.servicebus.windows.net/");
  });

  it("takes one door away and leaves the other", async () => {
    await apply({ webhook, bus });

    await applyRegistration(await planRemoval({ client, bus }), () => {});

    expect((await rows("serviceendpoints?$select=name")).map(({ name }) => name)).toEqual(["acs-sync"]);
    expect(await plan({ webhook })).toEqual([]);
  });

  it("warns of our own other door when only one is asked for, and not when both are", async () => {
    await apply({ webhook, bus });

    const [both, webhookOnly, busOnly] = [
      await warnings({ client, webhook, bus }),
      await warnings({ client, webhook }),
      await warnings({ client, bus }),
    ];

    expect(both).toEqual([]);
    expect(webhookOnly).toEqual([
      expect.stringMatching(/bus endpoint acs-sync-bus as well.* --name acs-sync --only bus$/),
    ]);
    expect(busOnly).toEqual([expect.stringMatching(/webhook acs-sync as well.* --name acs-sync --only webhook$/)]);
  });

  it("warns of another endpoint on the same queue, however its namespace is written", async () => {
    const other = { ...bus, name: "old-sync", namespace: "sb://CONTOSO.servicebus.windows.net" };
    await apply({ bus: other });
    await apply({ bus });

    const warned = await warnings({ client, bus });

    expect(warned).toEqual([expect.stringMatching(/^bus endpoint old-sync posts to .*dataverse-notices as well/)]);
    expect(await rows("serviceendpoints?$select=name")).toHaveLength(2);
  });
});
