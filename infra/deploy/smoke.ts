// The smoke test after a deployment: a canary contact goes the whole way into Campaign and out of it again. What a canary is: canary.ts; who starts this:
// smoke-main.ts.

import type { DataverseClient } from "../../shared/dataverse/client.js";
import { MissingError, safeMessage } from "../../shared/errors.js";
import type { CampaignOptOutStore } from "../../shared/flows/optout-ports.js";
import type { CampaignSink, CampaignSource, DynamicsSource } from "../../shared/flows/ports.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import type { RecordId } from "../../shared/model/ids.js";
import { createCanary, findCanaries, removeCanary } from "./canary.js";
import { type Patience, waitFor } from "./wait.js";

/** Both systems, as the operator reaches them, and who is told. */
export interface SmokePorts {
  client: DataverseClient;
  dynamics: Pick<DynamicsSource, "fetchRow">;
  campaign: CampaignSource & Pick<CampaignSink, "remove">;
  optOuts: Pick<CampaignOptOutStore, "read">;
  /** The contact mapping in force. */
  mapping: CompiledMapping;
  /** For how long a change may take to arrive, and how often Campaign is asked: each time is a call. */
  patience: Patience;
  callMs: number;
  newId(): RecordId;
  say(line: string): void;
  /** True when nobody wants to wait any longer, as after Ctrl-C. */
  isOver(): boolean;
}

/** What was measured: ms from the change in Dynamics until Campaign showed it. */
export interface SmokeReport {
  id: RecordId;
  profileAfterMs: number;
  goneAfterMs: number;
  /** Canaries of earlier runs that were removed first. */
  leftOver: number;
}

/**
 * Plays it and answers the times. Whatever happens, no canary stays in Dynamics; one that a killed run left is removed first. Throws when the profile does not
 * come, is not opted out as the mapping wants, or does not go.
 */
export async function smoke(ports: SmokePorts): Promise<SmokeReport> {
  const { client, mapping, say } = ports;
  const earlier = await findCanaries(client);
  for (const id of earlier) {
    say(`an earlier run left canary ${id}: removing it`);
    await removeEverywhere(ports, id);
  }

  const id = ports.newId();
  try {
    const created = Date.now();
    const mapped = mapping.optOuts?.attributes.map(({ column }) => column) ?? [];
    await createCanary(client, id, mapped);
    say(`canary ${id} is in Dynamics, opted out of everything`);
    await requireWanted(ports, id);
    await arrival(ports, id);
    const profileAfterMs = Date.now() - created;
    say(`it is a profile in Campaign after ${seconds(profileAfterMs)}`);

    const removed = Date.now();
    await removeEverywhere(ports, id);
    const goneAfterMs = Date.now() - removed;
    say(`the profile is gone ${seconds(goneAfterMs)} after the canary`);
    return { id, profileAfterMs, goneAfterMs, leftOver: earlier.length };
  } catch (error) {
    // Nobody waits for the profile any more: the app takes it away when it gets there.
    await removeCanary(client, id).catch((failed: unknown) => {
      say(`canary ${id} is still in Dynamics, and the next run removes it: ${safeMessage(failed)}`);
    });
    throw error;
  }
}

/** The mapping's own filters may keep a canary out: then its absence says nothing. */
async function requireWanted({ dynamics, mapping }: SmokePorts, id: RecordId): Promise<void> {
  const { row } = await dynamics.fetchRow(mapping, id);
  if (mapping.accepts(row)) return;
  throw new Error(
    "the contact mapping's filters keep the canary out of Campaign: this environment cannot be tested so",
  );
}

async function arrival(ports: SmokePorts, id: RecordId): Promise<void> {
  const { mapping, patience } = ports;
  const wish = mapping.optOuts && mapping.optOuts.direction !== "toDynamics" ? mapping.optOuts.attributes : [];
  let missing = "no profile";
  const arrived = await waitFor(async () => {
    requireTime(ports);
    // Opt-outs are written after the profile, and the profile alone may be seen in between.
    const held = wish.length > 0 ? await ports.optOuts.read(mapping, id, deadline(ports)) : new Map();
    if (held === undefined || (wish.length === 0 && !(await isProfile(ports, id)))) return undefined;
    const open = wish.filter(({ attribute }) => held.get(attribute)?.value !== true);
    missing = `a profile that is not opted out of ${open.map(({ attribute }) => attribute).join(", ")}`;
    return open.length === 0 ? true : undefined;
  }, patience);
  if (arrived) return;
  throw new Error(
    `after ${seconds(patience.withinMs)} there is ${missing} in Campaign: is the flow stopped, or did the record fail? (GET /api/control/status, /api/control/failures)`,
  );
}

/** Removes the canary and waits until its profile is gone. */
async function removeEverywhere(ports: SmokePorts, id: RecordId): Promise<void> {
  const { client, campaign, mapping, patience, say } = ports;
  await removeCanary(client, id);
  if (!mapping.applyDeletes) {
    say("the mapping keeps profiles of deleted contacts: this one is deleted in Campaign from here");
    await campaign.remove(mapping, id, deadline(ports)).catch((error: unknown) => {
      if (!(error instanceof MissingError)) throw error;
    });
  }
  const gone = await waitFor(async () => {
    requireTime(ports);
    return (await isProfile(ports, id)) ? undefined : true;
  }, patience);
  if (gone) return;
  throw new Error(
    `canary ${id} is deleted in Dynamics, and after ${seconds(patience.withinMs)} its profile is still in Campaign: is the flow stopped, or did the record fail? (GET /api/control/status, /api/control/failures)`,
  );
}

async function isProfile(ports: SmokePorts, id: RecordId): Promise<boolean> {
  return (await ports.campaign.fetch(ports.mapping, id, deadline(ports))) !== undefined;
}

function requireTime({ isOver }: SmokePorts): void {
  if (isOver()) throw new Error("stopped; the canary is removed from Dynamics, and the app takes its profile away");
}

function deadline({ callMs }: SmokePorts): number {
  return Date.now() + callMs;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
