// Compares what Dynamics has with what we need (desired.ts) and makes it so. Safe to run twice, and after being killed half-way:
// everything is found again by name. Endpoints are endpoints.ts, steps steps.ts; nothing that hangs on others' endpoints is touched.

import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { type Action, about } from "./action.js";
import { type BusTarget, type CreateImageProperty, desiredSteps, type WebhookTarget } from "./desired.js";
import {
  busEndpoint,
  type DesiredEndpoint,
  findDoubles,
  findEndpoint,
  isEndpointRight,
  planEndpoint,
  planEndpointRemoval,
  webhookEndpoint,
} from "./endpoints.js";
import type { Part } from "./part.js";
import { planSteps } from "./steps.js";

/** What to provision, and where: the webhook, the queue, or both doors. */
export interface ProvisionOptions {
  client: DataverseClient;
  webhook?: WebhookTarget | undefined;
  bus?: BusTarget | undefined;
  mappings: ReadonlyMap<string, CompiledMapping>;
  createImageProperty?: CreateImageProperty;
  /** The endpoints' keys are written even where they look right: what somebody wrote over them by hand cannot be seen. */
  writeKeys?: boolean;
}

/** Everything that differs, in the order to do it. What does not exist yet is looked up again when the actions run. */
export async function planRegistration(options: ProvisionOptions): Promise<Action[]> {
  return (await registrationParts(options)).flatMap(({ actions }) => actions);
}

/** The same by parts: change tracking, and each door with its steps. */
export async function registrationParts(options: ProvisionOptions): Promise<Part[]> {
  const { client, mappings } = options;
  const parts: Part[] = [
    {
      title: "change tracking",
      things: [...mappings.values()].map(({ table }) => table.name),
      actions: await planTracking(client, mappings),
    },
  ];
  for (const endpoint of doors(options)) parts.push(await planDoor(options, endpoint));
  return parts;
}

/** What people should know of what is registered besides; see `findDoubles`. */
export function warnings(options: Pick<ProvisionOptions, "client" | "webhook" | "bus">): Promise<string[]> {
  return findDoubles(options.client, doors(options));
}

/** Runs a plan in order; `onDone` is told of each action. Throws at the first that fails; running plan and apply again goes on. */
export async function applyRegistration(actions: readonly Action[], onDone: (what: string) => void): Promise<void> {
  for (const action of actions) {
    await action.run();
    onDone(action.what);
  }
}

/** What to take away: the doors with these names. */
export interface RemovalOptions {
  client: DataverseClient;
  webhook?: Pick<WebhookTarget, "name"> | undefined;
  bus?: Pick<BusTarget, "name"> | undefined;
}

/** The actions that take the registration away. Change tracking stays on. */
export async function planRemoval({ client, webhook, bus }: RemovalOptions): Promise<Action[]> {
  const actions: Action[] = [];
  for (const [door, target] of [["webhook", webhook] as const, ["bus", bus] as const]) {
    const endpoint = target && (await findEndpoint(client, door, target.name));
    if (endpoint) actions.push(planEndpointRemoval(client, door, endpoint));
  }
  return actions;
}

function doors({ webhook, bus }: Pick<ProvisionOptions, "webhook" | "bus">): DesiredEndpoint[] {
  return [...(webhook ? [webhookEndpoint(webhook)] : []), ...(bus ? [busEndpoint(bus)] : [])];
}

async function planDoor(options: ProvisionOptions, endpoint: DesiredEndpoint): Promise<Part> {
  const { client, mappings, createImageProperty = "Target", writeKeys = false } = options;
  const { door, name } = endpoint;
  const existing = await findEndpoint(client, door, name);
  const endpointId = async (): Promise<string> => {
    const made = await findEndpoint(client, door, name);
    if (!made) throw new Error(`${door} ${name} is not registered`);
    return made.serviceendpointid;
  };
  const steps = desiredSteps(name, mappings.values(), createImageProperty);
  const title = `${door} ${name}`;
  const isRight = existing !== undefined && !writeKeys && isEndpointRight(endpoint, existing);
  return {
    title,
    things: [title, ...steps.map((step) => step.name)],
    actions: [
      ...(isRight ? [] : [about(title, planEndpoint(client, endpoint, existing))]),
      ...(await planSteps(client, endpointId, existing?.serviceendpointid, steps)),
    ],
    warnings: existing && endpoint.secret === "" ? [`the key of ${title} was not compared: it is not known here`] : [],
  };
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
      about: [table.name],
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
