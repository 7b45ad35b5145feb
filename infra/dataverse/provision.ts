// Compares what Dynamics has with what we need (desired.ts) and makes it so. Safe to run twice, and after being killed half-way:
// everything is found again by name. Steps of this endpoint that are no longer wanted are removed; nothing else is touched.

import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import {
  type CreateImageProperty,
  type DesiredImage,
  type DesiredStep,
  desiredSteps,
  type WebhookTarget,
} from "./desired.js";

/** One difference and how to remove it. `what` is for people: `create step acs-sync: Update of contact`. */
export interface Action {
  what: string;
  run(): Promise<void>;
}

/** What to provision, and where. */
export interface ProvisionOptions {
  client: DataverseClient;
  webhook: WebhookTarget;
  mappings: ReadonlyMap<string, CompiledMapping>;
  createImageProperty?: CreateImageProperty;
}

/**
 * Everything that differs, in the order to do it. Actions of things that do not exist yet look their parents up again when they
 * run. The endpoint's key cannot be read back (facts/dataverse.md §1.1): it is written anew with every apply.
 */
export async function planRegistration(options: ProvisionOptions): Promise<Action[]> {
  const { client, webhook, mappings } = options;
  const steps = desiredSteps(webhook.name, mappings.values(), options.createImageProperty ?? "Target");
  const endpoint = await findEndpoint(client, webhook.name);
  const existing = endpoint ? await listSteps(client, endpoint.serviceendpointid) : [];
  return [
    ...(await planTracking(client, mappings)),
    planEndpoint(client, webhook, endpoint),
    ...(await Promise.all(steps.map((step) => planStep(client, webhook.name, step, existing)))).flat(),
    ...existing.filter(({ name }) => !steps.some((step) => step.name === name)).map((step) => removal(client, step)),
  ];
}

/** Runs a plan in order; `onDone` is told of each action. Throws at the first that fails; running plan and apply again goes on. */
export async function applyRegistration(actions: readonly Action[], onDone: (what: string) => void): Promise<void> {
  for (const action of actions) {
    await action.run();
    onDone(action.what);
  }
}

/** The actions that take the registration away; deleting the endpoint cascades to its steps (facts/dataverse.md §11). */
export async function planRemoval({
  client,
  webhook,
}: Pick<ProvisionOptions, "client" | "webhook">): Promise<Action[]> {
  const endpoint = await findEndpoint(client, webhook.name);
  if (!endpoint) return [];
  const path = `serviceendpoints(${endpoint.serviceendpointid})`;
  return [
    {
      what: `remove webhook ${webhook.name} and its steps`,
      run: async () => void (await client.call({ operation: "remove webhook", method: "DELETE", path })),
    },
  ];
}

const endpointSchema = z.object({ serviceendpointid: z.string(), name: z.string(), url: z.string().nullish() });
const stepSchema = z.object({
  sdkmessageprocessingstepid: z.string(),
  name: z.string(),
  mode: z.number(),
  stage: z.number(),
  statecode: z.number().nullish(),
  filteringattributes: z.string().nullish(),
});
const imageSchema = z.object({
  sdkmessageprocessingstepimageid: z.string(),
  entityalias: z.string(),
  attributes: z.string().nullish(),
});
type Endpoint = z.infer<typeof endpointSchema>;
type Step = z.infer<typeof stepSchema>;

async function list<T>(client: DataverseClient, operation: string, path: string, item: z.ZodType<T>): Promise<T[]> {
  return z.object({ value: z.array(item) }).parse(await client.json({ operation, path })).value;
}

async function findEndpoint(client: DataverseClient, name: string): Promise<Endpoint | undefined> {
  const filter = encodeURIComponent(`contract eq 8 and name eq '${name.replaceAll("'", "''")}'`);
  const path = `serviceendpoints?$filter=${filter}&$select=serviceendpointid,name,url`;
  const found = await list(client, "find webhook", path, endpointSchema);
  if (found.length > 1) throw new Error(`there are ${found.length} webhooks called ${name}: remove all but one`);
  return found[0];
}

async function requireEndpoint(client: DataverseClient, name: string): Promise<Endpoint> {
  const endpoint = await findEndpoint(client, name);
  if (!endpoint) throw new Error(`webhook ${name} is not registered`);
  return endpoint;
}

function listSteps(client: DataverseClient, endpointId: string): Promise<Step[]> {
  const select = "sdkmessageprocessingstepid,name,mode,stage,statecode,filteringattributes";
  const path = `serviceendpoints(${endpointId})/serviceendpoint_sdkmessageprocessingstep?$select=${select}`;
  return list(client, "list steps", path, stepSchema);
}

async function planTracking(client: DataverseClient, mappings: ProvisionOptions["mappings"]): Promise<Action[]> {
  const actions: Action[] = [];
  for (const { table } of mappings.values()) {
    const path = `EntityDefinitions(LogicalName='${table.name}')`;
    const definition = z
      .object({ ChangeTrackingEnabled: z.boolean() })
      .parse(await client.json({ operation: "read table", path: `${path}?$select=LogicalName,ChangeTrackingEnabled` }));
    if (definition.ChangeTrackingEnabled) continue;
    actions.push({
      what: `switch change tracking on for ${table.name} (it cannot be switched off again)`,
      run: async () => {
        const whole = z.looseObject({}).parse(await client.json({ operation: "read table", path }));
        const headers = { "mscrm.mergelabels": "true" };
        const body = { ...whole, ChangeTrackingEnabled: true };
        await client.call({ operation: "switch change tracking on", method: "PUT", path, headers, body });
      },
    });
  }
  return actions;
}

function planEndpoint(client: DataverseClient, webhook: WebhookTarget, existing: Endpoint | undefined): Action {
  const body = {
    name: webhook.name,
    url: webhook.url,
    contract: 8,
    authtype: 4,
    authvalue: webhook.key,
    messageformat: 2,
  };
  if (!existing) {
    const path = "serviceendpoints";
    return {
      what: `create webhook ${webhook.name} to ${webhook.url}`,
      run: async () => void (await client.call({ operation: "create webhook", method: "POST", path, body })),
    };
  }
  const path = `serviceendpoints(${existing.serviceendpointid})`;
  const moved =
    existing.url === webhook.url ? "" : `, and point it to ${webhook.url} instead of ${existing.url ?? "nothing"}`;
  return {
    what: `write the key of webhook ${webhook.name}${moved}`,
    run: async () => void (await client.call({ operation: "update webhook", method: "PATCH", path, body })),
  };
}

async function planStep(
  client: DataverseClient,
  endpointName: string,
  step: DesiredStep,
  existing: readonly Step[],
): Promise<Action[]> {
  const found = existing.find(({ name }) => name === step.name);
  if (!found) {
    return [
      {
        what: `create step ${step.name}`,
        run: async () => {
          const id = await createStep(client, endpointName, step);
          if (step.image) await createImage(client, id, step.image);
        },
      },
    ];
  }
  const actions: Action[] = [];
  const path = `sdkmessageprocessingsteps(${found.sdkmessageprocessingstepid})`;
  if ((found.filteringattributes ?? "") !== step.filteringAttributes) {
    const body = { filteringattributes: step.filteringAttributes };
    actions.push({
      what: `change the filtering attributes of step ${step.name}`,
      run: async () => void (await client.call({ operation: "update step", method: "PATCH", path, body })),
    });
  }
  if (found.statecode === 1) {
    const body = { statecode: 0, statuscode: 1 };
    actions.push({
      what: `enable step ${step.name}`,
      run: async () => void (await client.call({ operation: "enable step", method: "PATCH", path, body })),
    });
  }
  return [...actions, ...(await planImage(client, found, step))];
}

async function planImage(client: DataverseClient, found: Step, step: DesiredStep): Promise<Action[]> {
  const { image } = step;
  if (!image) return [];
  const id = found.sdkmessageprocessingstepid;
  const path = `sdkmessageprocessingstepimages?$filter=_sdkmessageprocessingstepid_value eq ${id}&$select=sdkmessageprocessingstepimageid,entityalias,attributes`;
  const images = await list(client, "list images", path.replaceAll(" ", "%20"), imageSchema);
  const [first] = images;
  if (!first) return [{ what: `create the image of step ${step.name}`, run: () => createImage(client, id, image) }];
  if (first.entityalias === image.alias && first.attributes === image.attributes) return [];
  const body = { name: image.alias, entityalias: image.alias, attributes: image.attributes };
  const address = `sdkmessageprocessingstepimages(${first.sdkmessageprocessingstepimageid})`;
  return [
    {
      what: `change the image of step ${step.name}`,
      run: async () => void (await client.call({ operation: "update image", method: "PATCH", path: address, body })),
    },
  ];
}

async function createStep(client: DataverseClient, endpointName: string, step: DesiredStep): Promise<string> {
  const { serviceendpointid } = await requireEndpoint(client, endpointName);
  const filter = encodeURIComponent(
    `sdkmessageid/name eq '${step.message}' and primaryobjecttypecode eq '${step.table}'`,
  );
  const filters = await list(
    client,
    "find message",
    `sdkmessagefilters?$filter=${filter}&$select=sdkmessagefilterid,_sdkmessageid_value`,
    z.object({ sdkmessagefilterid: z.string(), _sdkmessageid_value: z.string() }),
  );
  const [message] = filters;
  if (!message) throw new Error(`Dynamics raises no ${step.message} for ${step.table}`);
  const created = await client.json({
    operation: "create step",
    method: "POST",
    path: "sdkmessageprocessingsteps?$select=sdkmessageprocessingstepid",
    prefer: ["return=representation"],
    body: {
      name: step.name,
      stage: 40,
      mode: 1,
      rank: 1,
      supporteddeployment: 0,
      asyncautodelete: true,
      filteringattributes: step.filteringAttributes || null,
      "eventhandler_serviceendpoint@odata.bind": `/serviceendpoints(${serviceendpointid})`,
      "sdkmessageid@odata.bind": `/sdkmessages(${message._sdkmessageid_value})`,
      "sdkmessagefilterid@odata.bind": `/sdkmessagefilters(${message.sdkmessagefilterid})`,
    },
  });
  return z.object({ sdkmessageprocessingstepid: z.string() }).parse(created).sdkmessageprocessingstepid;
}

async function createImage(client: DataverseClient, stepId: string, image: DesiredImage): Promise<void> {
  await client.call({
    operation: "create image",
    method: "POST",
    path: "sdkmessageprocessingstepimages",
    body: {
      name: image.alias,
      entityalias: image.alias,
      imagetype: 1,
      messagepropertyname: image.messageProperty,
      attributes: image.attributes,
      "sdkmessageprocessingstepid@odata.bind": `/sdkmessageprocessingsteps(${stepId})`,
    },
  });
}

function removal(client: DataverseClient, step: Step): Action {
  const path = `sdkmessageprocessingsteps(${step.sdkmessageprocessingstepid})`;
  return {
    what: `remove step ${step.name}`,
    run: async () => void (await client.call({ operation: "remove step", method: "DELETE", path })),
  };
}
