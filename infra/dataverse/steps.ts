// The steps of one endpoint, with their images: compared by name, made, changed, removed (facts/dataverse.md §11). Which ones there must be is
// desired.ts.

import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { type Action, about, change, list } from "./action.js";
import type { DesiredImage, DesiredStep } from "./desired.js";

const afterOperation = 40;
const asynchronous = 1;
const enabled = { statecode: 0, statuscode: 1 };
const postImage = 1;
const rank = 1;
/** Jobs that succeeded remove themselves. */
const upkeep = { rank, asyncautodelete: true };

const stepSchema = z.object({
  sdkmessageprocessingstepid: z.string(),
  name: z.string(),
  mode: z.number(),
  stage: z.number(),
  statecode: z.number().nullish(),
  filteringattributes: z.string().nullish(),
  rank: z.number().nullish(),
  asyncautodelete: z.boolean().nullish(),
  sdkmessageid: z.object({ name: z.string().nullish() }).nullish(),
  sdkmessagefilterid: z.object({ primaryobjecttypecode: z.string().nullish() }).nullish(),
});
const imageSchema = z.object({
  sdkmessageprocessingstepimageid: z.string(),
  entityalias: z.string(),
  attributes: z.string().nullish(),
  imagetype: z.number().nullish(),
});
/** A step as it is. */
export type Step = z.infer<typeof stepSchema>;

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
  const wantedSteps = new Map(desired.map((step) => [step.name, step]));
  const usable = existing.filter((step) => isInPlace(step, wantedSteps.get(step.name)));
  const kept = new Map<string, Step>();
  for (const step of usable) if (!kept.has(step.name)) kept.set(step.name, step);
  const wanted = new Set(desired.map(({ name }) => name));
  const superfluous = existing.filter((step) => !wanted.has(step.name) || kept.get(step.name) !== step);
  const plans = desired.map((step) => planStep(client, endpointId, step, kept.get(step.name)));
  return [...(await Promise.all(plans)).flat(), ...superfluous.map((step) => removal(client, step, wanted))];
}

/** What a step can be changed to is changed; where and on what it runs is not: it is made anew. */
function isInPlace({ mode, stage, sdkmessageid, sdkmessagefilterid }: Step, desired: DesiredStep | undefined): boolean {
  const isOn = (found: string | null | undefined, wanted: string | undefined): boolean =>
    found === null || found === undefined || wanted === undefined || found === wanted;
  return (
    mode === asynchronous &&
    stage === afterOperation &&
    isOn(sdkmessageid?.name, desired?.message) &&
    isOn(sdkmessagefilterid?.primaryobjecttypecode, desired?.table)
  );
}

/** The steps that post to an endpoint. */
export function listSteps(client: DataverseClient, endpointId: string): Promise<Step[]> {
  const select = "sdkmessageprocessingstepid,name,mode,stage,statecode,filteringattributes,rank,asyncautodelete";
  const expand = "sdkmessageid($select=name),sdkmessagefilterid($select=primaryobjecttypecode)";
  const path = `serviceendpoints(${endpointId})/serviceendpoint_sdkmessageprocessingstep?$select=${select}&$expand=${expand}`;
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
    return [{ what: `create step ${step.name}`, kind: "create", about: [step.name], run }];
  }
  const path = `sdkmessageprocessingsteps(${found.sdkmessageprocessingstepid})`;
  const patch = (what: string, body: Record<string, unknown>): Action =>
    about(step.name, change(client, `${what} step ${step.name}`, "PATCH", path, body));
  const isFiltered = (found.filteringattributes ?? "") === step.filteringAttributes;
  return [
    ...(isFiltered
      ? []
      : [patch("change the filtering attributes of", { filteringattributes: step.filteringAttributes || null })]),
    ...(found.statecode === 1 ? [patch("enable", enabled)] : []),
    ...(found.asyncautodelete === true && found.rank === rank ? [] : [patch("change rank and clean-up of", upkeep)]),
    ...(await planImage(client, found, step)).map((action) => about(step.name, action)),
  ];
}

/** Of several images the one of the right alias is kept; on a step of ours there is no other. */
async function planImage(client: DataverseClient, found: Step, step: DesiredStep): Promise<Action[]> {
  const { image } = step;
  const id = found.sdkmessageprocessingstepid;
  const filter = encodeURIComponent(`_sdkmessageprocessingstepid_value eq ${id}`);
  const path = `sdkmessageprocessingstepimages?$filter=${filter}&$select=${Object.keys(imageSchema.shape).join(",")}`;
  const images = await list(client, "list images", path, imageSchema);
  const postImages = image ? images.filter(({ imagetype }) => imagetype === postImage) : [];
  const kept = postImages.find(({ entityalias }) => entityalias === image?.alias) ?? postImages[0];
  const superfluous = images.filter((one) => one !== kept);
  return [
    ...(image ? planKept(client, { id, step: step.name, image }, kept) : []),
    ...superfluous.map(({ sdkmessageprocessingstepimageid, entityalias }) => {
      const address = `sdkmessageprocessingstepimages(${sdkmessageprocessingstepimageid})`;
      return change(client, `remove image ${entityalias} of step ${step.name}`, "DELETE", address);
    }),
  ];
}

function planKept(
  client: DataverseClient,
  { id, step, image }: { id: string; step: string; image: DesiredImage },
  first: z.infer<typeof imageSchema> | undefined,
): Action[] {
  if (!first) {
    return [{ what: `create the image of step ${step}`, kind: "create", run: () => createImage(client, id, image) }];
  }
  if (first.entityalias === image.alias && first.attributes === image.attributes) return [];
  const body = { name: image.alias, entityalias: image.alias, attributes: image.attributes };
  const address = `sdkmessageprocessingstepimages(${first.sdkmessageprocessingstepimageid})`;
  return [change(client, `change the image of step ${step}`, "PATCH", address, body)];
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
      ...upkeep,
      supporteddeployment: 0,
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
