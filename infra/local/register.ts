import { makeHttpClient } from "../../shared/http/client.js";
import { type CompiledMapping, compileMapping } from "../../shared/mapping/compile.js";
import { validateMapping } from "../../shared/mapping/validate.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";
import { applyRegistration, type ProvisionOptions, planRegistration } from "../dataverse/provision.js";
import type { Operator } from "./operator.js";

/** Registers the doors in Dynamics for the mappings in force, as `npm run dataverse:apply` does with their documents; tells `onDone` of each step. */
export async function registerInForce(
  settings: Readonly<Record<string, string>>,
  operator: Pick<Operator, "settings">,
  doors: Pick<ProvisionOptions, "webhook" | "bus">,
  onDone: (what: string) => void = () => {},
): Promise<void> {
  const http = makeHttpClient({ clock: systemClock, random: Math.random });
  const client = makeDynamicsClient(loadSettings(settings), http, systemClock);
  const { documents } = await operator.settings();
  const mappings = new Map(documents.map(compiled).map((mapping) => [mapping.table.name, mapping]));
  await applyRegistration(await planRegistration({ client, ...doors, mappings }), onDone);
}

function compiled(document: unknown): CompiledMapping {
  const validated = validateMapping(document);
  if ("mapping" in validated) return compileMapping(validated.mapping);
  throw new Error(`a document in force is not valid: ${JSON.stringify(validated.problems)}`);
}
