import { beforeEach, describe, expect, it } from "vitest";
import { applyRegistration, planRegistration, planRemoval, warnings } from "../../infra/dataverse/provision.js";
import { makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { imageAliasOf } from "../../shared/dataverse/notice.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { coreHttp, coreWorld } from "../support/core-http.js";
import { fixedClock } from "../support/fixed-clock.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";

const webhook = { url: "https://app.example.com/api/ingress-webhook", key: "key", name: "acs-sync" };
const mappings = shippedMappings();
let client: DataverseClient;

beforeEach(() => {
  const clock = fixedClock("2026-03-01T00:00:00Z");
  const core = makeDataverseCore(coreWorld(clock));
  const url = new URL("http://dataverse.test");
  const { clientId, clientSecret } = LOCAL_APPS.integration;
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, clientId, clientSecret };
  client = makeDynamicsClient({ dynamics: { url, auth } }, coreHttp({ "dataverse.test": core }, clock), clock);
});

async function plan(changes: Partial<Parameters<typeof planRegistration>[0]> = {}): Promise<string[]> {
  return (await planRegistration({ client, webhook, mappings, ...changes })).map(({ what }) => what);
}

async function apply(changes: Partial<Parameters<typeof planRegistration>[0]> = {}): Promise<void> {
  await applyRegistration(await planRegistration({ client, webhook, mappings, ...changes }), () => {});
}

async function rows(path: string): Promise<Record<string, unknown>[]> {
  return ((await client.json({ operation: "look", path })) as { value: Record<string, unknown>[] }).value;
}

async function patch(path: string, body: Record<string, unknown>): Promise<void> {
  await client.call({ operation: "change by hand", method: "PATCH", path, body });
}

/** Contacts, accounts and tasks. */
function manyTables(): typeof mappings {
  const named = (name: string, column: string) =>
    compiled(
      aMappingDocument([aField({ source: { column }, target: "name" })], {
        table: { name, set: `${name}s`, id: name === "task" ? "activityid" : `${name}id` },
        resource: { api: "profileAndServicesExt", name: `cus${name}` },
        columns: { [name === "task" ? "activityid" : `${name}id`]: "id", [column]: "string" },
      }),
    );
  return new Map([...mappings, ["account", named("account", "name")], ["task", named("task", "subject")]]);
}

describe("the registration in Dynamics", () => {
  it("plans everything on a fresh environment and changes nothing by planning", async () => {
    const first = await plan();
    const second = await plan();

    expect(first).toEqual(second);
    expect(first).toEqual(
      expect.arrayContaining([
        "create webhook acs-sync to https://app.example.com/api/ingress-webhook",
        "create step acs-sync: Create of contact",
        "create step acs-sync: Update of contact",
        "create step acs-sync: Delete of contact",
        "create step acs-sync: Merge of contact",
      ]),
    );
  });

  it("registers the steps asynchronously, after the operation, the update filtered by the mapped columns", async () => {
    await apply();

    const steps = await rows("sdkmessageprocessingsteps?$filter=startswith(name,'acs-sync')&$orderby=name");
    const update = steps.find(({ name }) => name === "acs-sync: Update of contact");
    expect(steps.map(({ mode, stage }) => [mode, stage])).toEqual(Array.from({ length: 4 }, () => [1, 40]));
    expect(String(update?.filteringattributes).split(",")).toEqual(expect.arrayContaining(["lastname", "statecode"]));
  });

  it("registers a post-image of exactly the mapped columns, under the alias that names them", async () => {
    await apply();

    const images = await rows("sdkmessageprocessingstepimages?$select=entityalias,attributes,imagetype");
    const mapping = mappings.get("contact");
    if (!mapping) throw new Error("no mapping");
    expect(images).toHaveLength(2);
    for (const image of images) {
      expect(image).toMatchObject({ imagetype: 1, entityalias: imageAliasOf(mapping) });
      expect(image.attributes).toBe(Object.keys(mapping.columns).sort().join(","));
    }
  });

  it("writes a key that is another one, or that somebody took away, and none that is the same", async () => {
    await apply();

    const same = await plan();
    const other = await plan({ webhook: { ...webhook, key: "another" } });
    const unknown = await plan({ webhook: { ...webhook, key: "" } });
    const forced = await plan({ writeKeys: true });

    expect(same).toEqual([]);
    expect(other).toEqual(["write the key of webhook acs-sync"]);
    expect(unknown).toEqual([]);
    expect(forced).toEqual(["write the key of webhook acs-sync"]);
  });

  it("never leaves the key where it can be read", async () => {
    await apply({ webhook: { ...webhook, key: "a-function-key" } });

    expect(JSON.stringify(await rows("serviceendpoints"))).not.toContain("a-function-key");
  });

  it("registers nothing twice when it is applied twice", async () => {
    await apply();
    await apply();

    expect(await rows("sdkmessageprocessingsteps?$filter=startswith(name,'acs-sync')")).toHaveLength(4);
    expect(await rows("serviceendpoints?$filter=name eq 'acs-sync'")).toHaveLength(1);
  });

  it("finishes what an apply that was killed after any action left undone", async () => {
    const { length } = await planRegistration({ client, webhook, mappings });

    for (let done = 0; done <= length; done += 1) {
      await applyRegistration(await planRemoval({ client, webhook }), () => {});
      for (const action of (await planRegistration({ client, webhook, mappings })).slice(0, done)) await action.run();
      await apply();

      expect(await plan()).toEqual([]);
      expect(await rows("sdkmessageprocessingsteps?$filter=startswith(name,'acs-sync')")).toHaveLength(4);
    }
  });

  it("registers every mapped table, and Merge only for those whose rows people can merge", async () => {
    await apply({ mappings: manyTables() });

    const steps = await rows("sdkmessageprocessingsteps?$filter=startswith(name,'acs-sync')&$orderby=name");
    expect(steps.map(({ name }) => String(name).replace("acs-sync: ", ""))).toEqual([
      "Create of account",
      "Create of contact",
      "Create of task",
      "Delete of account",
      "Delete of contact",
      "Delete of task",
      "Merge of account",
      "Merge of contact",
      "Update of account",
      "Update of contact",
      "Update of task",
    ]);
    expect(await plan({ mappings: manyTables() })).toEqual([]);
  });

  it("removes the second of two steps of the same name, as an answer that got lost leaves them behind", async () => {
    const actions = await planRegistration({ client, webhook, mappings });
    await applyRegistration(actions, () => {});
    const merge = actions.find(({ what }) => what.endsWith("Merge of contact"));
    await merge?.run();

    const planned = await plan();
    await apply();

    expect(planned).toContainEqual(
      expect.stringMatching(/^remove step acs-sync: Merge of contact, which is there twice/),
    );
    expect(await rows("sdkmessageprocessingsteps?$filter=name eq 'acs-sync: Merge of contact'")).toHaveLength(1);
  });

  it("replaces a step that runs inside the user's own transaction, and enables one that is off", async () => {
    await apply();
    const [update] = await rows("sdkmessageprocessingsteps?$filter=name eq 'acs-sync: Update of contact'");
    const [remove] = await rows("sdkmessageprocessingsteps?$filter=name eq 'acs-sync: Delete of contact'");
    await patch(`sdkmessageprocessingsteps(${update?.sdkmessageprocessingstepid})`, { mode: 0 });
    await patch(`sdkmessageprocessingsteps(${remove?.sdkmessageprocessingstepid})`, { statecode: 1, statuscode: 2 });

    await apply();

    const steps = await rows("sdkmessageprocessingsteps?$filter=startswith(name,'acs-sync')");
    expect(steps.map(({ mode, statecode }) => [mode, statecode])).toEqual(Array.from({ length: 4 }, () => [1, 0]));
    expect(await plan()).toEqual([]);
  });

  it("warns of a registration under another name that posts to the same address, and leaves it alone", async () => {
    const other = { ...webhook, name: "old-sync", url: "https://APP.example.com/api/ingress-webhook/" };
    await apply({ webhook: other });
    await apply();

    const warned = await warnings({ client, webhook });

    expect(warned).toHaveLength(1);
    expect(warned[0]).toMatch(/^webhook old-sync posts to https:\/\/app\.example\.com\/api\/ingress-webhook as well/);
    expect(await rows("sdkmessageprocessingsteps?$filter=startswith(name,'old-sync')")).toHaveLength(4);
  });

  it("warns of nothing when others post elsewhere, and never because of itself", async () => {
    await apply({ webhook: { ...webhook, name: "other-app", url: "https://other.example.com/api/ingress-webhook" } });
    await apply();

    expect(await warnings({ client, webhook })).toEqual([]);
  });

  it("adds the image of a step that was killed before it got one", async () => {
    await apply();
    const [image] = await rows("sdkmessageprocessingstepimages?$select=sdkmessageprocessingstepimageid&$top=1");
    const path = `sdkmessageprocessingstepimages(${image?.sdkmessageprocessingstepimageid})`;
    await client.call({ operation: "remove image", method: "DELETE", path });

    await apply();

    expect(await rows("sdkmessageprocessingstepimages?$select=entityalias")).toHaveLength(2);
  });

  it("follows a changed mapping: filter and image move, the step stays", async () => {
    await apply();
    const changed = new Map([["contact", compiled(aMappingDocument([aField()]))]]);

    const planned = await plan({ mappings: changed });
    await apply({ mappings: changed });

    expect(planned).toEqual(
      expect.arrayContaining([
        "change the filtering attributes of step acs-sync: Update of contact",
        "change the image of step acs-sync: Update of contact",
      ]),
    );
    expect(await plan({ mappings: changed })).toEqual([]);
  });

  it("takes the steps of a table away that is no longer mapped, and the whole registration when told to", async () => {
    await apply();

    expect(await plan({ mappings: new Map() })).toEqual(
      expect.arrayContaining(["remove step acs-sync: Update of contact"]),
    );
    await applyRegistration(await planRemoval({ client, webhook }), () => {});
    expect(await rows("sdkmessageprocessingsteps?$filter=startswith(name,'acs-sync')")).toEqual([]);
    expect(await planRemoval({ client, webhook })).toEqual([]);
  });

  it("never touches another deployment's registration", async () => {
    const other = { ...webhook, name: "other-app" };
    await apply({ webhook: other });
    await apply();

    await applyRegistration(await planRemoval({ client, webhook }), () => {});

    expect(await rows("sdkmessageprocessingsteps?$filter=startswith(name,'other-app')")).toHaveLength(4);
  });
});
