// The steps of one endpoint, with their images: compared by name, made, changed, removed (facts/dataverse.md §11). Which ones there must be is
// desired.ts.

import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { type Action, change, list } from "./action.js";
import type { DesiredImage, DesiredStep } from "./desired.js";

const afterOperation = 40;
const asynchronous = 1;
const enabled = { statecode: 0, statuscode: 1 };
const postImage = 1;

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
type Step = z.infer<typeof stepSchema>;

/** Answers the id of the steps' endpoint; called when a step is made, for the endpoint may be made by an earlier action. */
export type EndpointId = () => Promise<string>;

/**
 * What makes the endpoint's steps the desired ones. Steps that are not wanted, are there twice, or would run inside the user's own
 * transaction are removed; they hang on our endpoint, so they are ours.
 */
export async function planSteps(
  client: DataverseClient,
  endpointId: EndpointId,
  existingEndpointId: string | undefined,
  desired: readonly DesiredStep[],
): Promise<Action[]> {
  const existing = existingEndpointId === undefined ? [] : await listSteps(client, existingEndpointId);
  const usable = existing.filter(({ mode, stage }) => mode === asynchronous && stage === afterOperation);
  const kept = new Map<string, Step>();
  for (const step of usable) if (!kept.has(step.name)) kept.set(step.name, step);
  const wanted = new Set(desired.map(({ name }) => name));
  const superfluous = existing.filter((step) => !wanted.has(step.name) || kept.get(step.name) !== step);
  const plans = desired.map((step) => planStep(client, endpointId, step, kept.get(step.name)));
  return [...(await Promise.all(plans)).flat(), ...superfluous.map((step) => removal(client, step, wanted))];
}

function listSteps(client: DataverseClient, endpointId: string): Promise<Step[]> {
  const select = "sdkmessageprocessingstepid,name,mode,stage,statecode,filteringattributes";
  const path = `serviceendpoints(${endpointId})/serviceendpoint_sdkmessageprocessingstep?$select=${select}`;
  return list(client, "list steps", path, stepSchema);
}

function removal(client: DataverseClient, step: Step, wanted: ReadonlySet<string>): Action {
  const why = wanted.has(step.name) ? ", which is there twice or runs in the wrong place" : "";
  const path = `sdkmessageprocessingsteps(${step.sdkmessageprocessingstepid})`;
  return change(client, `remove step ${step.name}${why}`, "DELETE", path);
}

async function planStep(
  client: DataverseClient,
  endpointId: EndpointId,
  step: DesiredStep,
  found: Step | undefined,
): Promise<Action[]> {
  if (!found) {
    const run = async (): Promise<void> => {
      const id = await createStep(client, await endpointId(), step);
      if (step.image) await createImage(client, id, step.image);
    };
    return [{ what: `create step ${step.name}`, run }];
  }
  const path = `sdkmessageprocessingsteps(${found.sdkmessageprocessingstepid})`;
  const patch = (what: string, body: Record<string, unknown>): Action =>
    change(client, `${what} step ${step.name}`, "PATCH", path, body);
  const isFiltered = (found.filteringattributes ?? "") === step.filteringAttributes;
  return [
    ...(isFiltered
      ? []
      : [patch("change the filtering attributes of", { filteringattributes: step.filteringAttributes || null })]),
    ...(found.statecode === 1 ? [patch("enable", enabled)] : []),
    ...(await planImage(client, found, step)),
  ];
}

async function planImage(client: DataverseClient, found: Step, step: DesiredStep): Promise<Action[]> {
  const { image } = step;
  if (!image) return [];
  const id = found.sdkmessageprocessingstepid;
  const filter = encodeURIComponent(`_sdkmessageprocessingstepid_value eq ${id}`);
  const path = `sdkmessageprocessingstepimages?$filter=${filter}&$select=sdkmessageprocessingstepimageid,entityalias,attributes`;
  const [first] = await list(client, "list images", path, imageSchema);
  if (!first) return [{ what: `create the image of step ${step.name}`, run: () => createImage(client, id, image) }];
  if (first.entityalias === image.alias && first.attributes === image.attributes) return [];
  const body = { name: image.alias, entityalias: image.alias, attributes: image.attributes };
  const address = `sdkmessageprocessingstepimages(${first.sdkmessageprocessingstepimageid})`;
  return [change(client, `change the image of step ${step.name}`, "PATCH", address, body)];
}

async function createStep(client: DataverseClient, endpointId: string, step: DesiredStep): Promise<string> {
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
      stage: afterOperation,
      mode: asynchronous,
      rank: 1,
      supporteddeployment: 0,
      asyncautodelete: true,
      filteringattributes: step.filteringAttributes || null,
      "eventhandler_serviceendpoint@odata.bind": `/serviceendpoints(${endpointId})`,
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
      imagetype: postImage,
      messagepropertyname: image.messageProperty,
      attributes: image.attributes,
      "sdkmessageprocessingstepid@odata.bind": `/sdkmessageprocessingsteps(${stepId})`,
    },
  });
}
