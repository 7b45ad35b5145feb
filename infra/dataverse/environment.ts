// All that Dynamics needs from us as one plan: change tracking, the doors with their steps, the activity tables, the role; and all of it taken away again.
// Each part has its own file; the command line is main.ts.

import type { DataverseClient } from "../../shared/dataverse/client.js";
import { compileMapping } from "../../shared/mapping/compile.js";
import type { TableMapping } from "../../shared/mapping/table-mapping.js";
import type { Clock } from "../../shared/model/clock.js";
import { eventTypes } from "../../shared/model/email-event.js";
import type { Action } from "./action.js";
import { activitiesPart, planActivitiesRemoval } from "./activities.js";
import { busNameOf } from "./desired.js";
import type { CommandOptions } from "./options.js";
import type { Part } from "./part.js";
import { applyRegistration, planRemoval, registrationParts, warnings } from "./provision.js";
import { planRole, planRoleRemoval } from "./role.js";
import { privilegesFor, type RoleSettings } from "./role-desired.js";

/** What is provisioned with: mappings as published, and the app's settings. */
export interface Environment {
  client: DataverseClient;
  clock: Clock;
  settings: RoleSettings;
}

/** Everything that there must be, by parts, in the order to do it: tables before the role that names them. */
export async function planEnvironment(
  { client, clock, settings }: Environment,
  documents: readonly TableMapping[],
  options: CommandOptions,
): Promise<Part[]> {
  const { webhook, bus, createImageProperty, writeKeys, name, appUser } = options;
  const mappings = new Map(documents.map((mapping) => [mapping.table.name, compileMapping(mapping)]));
  const registration = { client, webhook, bus, mappings, createImageProperty, writeKeys };
  const parts = await registrationParts(registration);
  if (settings.egress.types.size > 0 || options.activities) {
    const { prefix, tables } = settings.egress;
    const foreign = new Set(eventTypes.filter((type) => tables[type] !== undefined));
    const { solution, publish } = options;
    parts.push(await activitiesPart({ client, clock, prefix, solution, foreign, publish }));
  }
  const told = await warnings(registration);
  if (!webhook && !bus) {
    told.push(
      "no door is asked for (--url, --bus-namespace): one that is there is left as it is, and without any only the sweep finds changes",
    );
  }
  if (appUser === undefined) {
    told.push("no role is asked for (--app-user): one that is there is left as it is");
  } else {
    const privileges = privilegesFor(documents, settings).filter(
      ({ unconfirmed }) => !(unconfirmed && options.onlyConfirmed),
    );
    parts.push(await planRole({ client, name, privileges, appUser }));
  }
  return [...parts, ...(told.length > 0 ? [{ title: "", things: [], actions: [], warnings: told }] : [])];
}

/**
 * Makes a plan so; `onDone` is told of each action, its number and how many there are. Throws before it begins when something stands in the way, and at the first
 * action that fails; planning and applying again goes on from there.
 */
export async function applyEnvironment(
  parts: readonly Part[],
  onDone: (what: string, number: number, of: number) => void,
): Promise<void> {
  const blockers = parts.flatMap((part) => part.blockers ?? []);
  if (blockers.length > 0)
    throw new Error(`nothing was changed:\n${blockers.map((one) => `problem: ${one}`).join("\n")}`);
  const actions = parts.flatMap((part) => part.actions);
  let done = 0;
  await applyRegistration(actions, (what) => onDone(what, ++done, actions.length));
}

/** What takes away what is ours: the doors, the role, and those activity tables that are named. Change tracking stays on. */
export async function planEnvironmentRemoval(
  { client, settings }: Environment,
  { name, only, tables }: Pick<CommandOptions, "name" | "only" | "tables">,
): Promise<Action[]> {
  const { prefix, tables: named } = settings.egress;
  const foreign = new Set(eventTypes.filter((type) => named[type] !== undefined));
  const isWanted = (part: CommandOptions["only"]): boolean => only === undefined || only === part;
  return [
    ...(await planRemoval({
      client,
      webhook: isWanted("webhook") ? { name } : undefined,
      bus: isWanted("bus") ? { name: busNameOf(name) } : undefined,
    })),
    ...(isWanted("role") ? await planRoleRemoval(client, name) : []),
    ...(await planActivitiesRemoval({ client, prefix, foreign }, tables)),
  ];
}
