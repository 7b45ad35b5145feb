// Workflows as the API sees them: state, commands, the external signal (facts/campaign.md §10). What a workflow does is elsewhere.

import type { SimRequest, SimResponse } from "../../sim/types.js";
import { parseBody } from "../engine/read-body.js";
import type { Instance } from "../instance.js";
import { badValue, EngineError, json, notFound } from "../wire/errors.js";
import type { Base } from "../wire/present.js";

/** Workflows that every instance has: those that stage e-mail events or extract them to files (§8.3), the daily opt-out export (§9), one with a signal. */
export const workflowIds = ["stageEmailEvents", "extractEmailEvents", "exportOptOuts", "externalSignal"] as const;
export type WorkflowId = (typeof workflowIds)[number];

/** State of a workflow, and since when (milliseconds). */
export interface WorkflowState {
  state: "started" | "paused" | "stopped";
  since: number;
  /** Last external signal. */
  signalledAt?: number;
}

const signalLockMs = 10 * 60_000;
const maxPayloadBytes = 64 * 1024;
const commands = { start: "started", resume: "started", pause: "paused", stop: "stopped" } as const;

/** State of a workflow; every one is started in a new instance. */
export function workflowState(instance: Instance, id: WorkflowId): WorkflowState {
  const states = (instance.store.document("workflows") ?? {}) as Partial<Record<WorkflowId, WorkflowState>>;
  return states[id] ?? { state: "started", since: 0 };
}

function save(instance: Instance, id: WorkflowId, state: WorkflowState): void {
  instance.store.saveDocument("workflows", { ...(instance.store.document("workflows") ?? {}), [id]: state });
}

function control(instance: Instance, id: WorkflowId, body: string): SimResponse {
  const { method } = parseBody(body);
  const command = Object.keys(commands).find((known): known is keyof typeof commands => known === method);
  if (command === undefined) throw badValue(`'${String(method)}' is not a command of a workflow.`);
  const state = commands[command];
  save(instance, id, { ...workflowState(instance, id), state, since: instance.world.now() });
  return json(200, {});
}

function signal(instance: Instance, body: string): SimResponse {
  const state = workflowState(instance, "externalSignal");
  const now = instance.world.now();
  if (Buffer.byteLength(body) > maxPayloadBytes) throw badValue("The payload is larger than 64 KB.");
  if (state.state !== "started") throw badValue("The workflow is not running.");
  if (state.signalledAt !== undefined && now - state.signalledAt < signalLockMs) {
    // §10: during the lock the answer is plain text.
    return { status: 500, headers: { "content-type": "text/plain" }, body: "The activity was already triggered." };
  }
  const { parameters } = parseBody(body);
  const undeclared = Object.keys(typeof parameters === "object" && parameters !== null ? parameters : {}).find(
    (name) => name !== "segment",
  );
  if (undeclared !== undefined) {
    throw new EngineError(500, [
      "RST-360011 An error has occurred - please contact your administrator.",
      `'${undeclared}' parameter isn't defined in signal activity.`,
    ]);
  }
  save(instance, "externalSignal", { ...state, signalledAt: now });
  return json(200, {});
}

/** Answers `workflow/execution/<id>[/commands|/signal/trigger]`; `segments` begin with the id. */
export function answerWorkflow(instance: Instance, base: Base, request: SimRequest, segments: string[]): SimResponse {
  const [name = "", action] = segments;
  const id = workflowIds.find((known) => known === name);
  if (id === undefined) throw notFound(name, "Workflow", "workflow");
  const href = `${base}/workflow/execution/${id}`;
  if (request.method === "POST" && action === "commands") return control(instance, id, request.body);
  if (request.method === "POST" && action === "signal" && id === "externalSignal")
    return signal(instance, request.body);
  if (request.method !== "GET" || action !== undefined)
    return json(405, { error_code: "405", message: "Not allowed." });
  const activity = id === "externalSignal" ? { signal: { trigger: { href: `${href}/signal/trigger` } } } : {};
  const { state } = workflowState(instance, id);
  return json(200, { PKey: `@${instance.keys.metadataKey(id)}`, name: id, state, href, activities: { activity } });
}
