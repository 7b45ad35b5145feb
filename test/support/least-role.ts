import { applyRegistration } from "../../infra/dataverse/provision.js";
import { planRole } from "../../infra/dataverse/role.js";
import { privilegesFor } from "../../infra/dataverse/role-desired.js";
import { asMappings } from "../../infra/doctor/documents.js";
import { type Environment, settingsFor } from "../../infra/doctor/settings.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { MissingError } from "../../shared/errors.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { shippedDocuments } from "../../shared/mapping/shipped.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";

/** Whoever deploys: in the simulator, the people at work, who are System Administrators. */
export const deployer = {
  DYNAMICS_CLIENT_ID: LOCAL_APPS.editor.clientId,
  DYNAMICS_CLIENT_SECRET: LOCAL_APPS.editor.clientSecret,
};

/** A client of the Dynamics simulator at `address`, signed in as the deployer. */
export function deployerClient(address: string): DataverseClient {
  const url = new URL(address);
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, ...LOCAL_APPS.editor };
  const http = makeHttpClient({ clock: systemClock, random: Math.random });
  return makeDynamicsClient({ dynamics: { url, auth } }, http, systemClock);
}

/** Gives the app's user the role that the shipped mapping and these settings need, and takes System Administrator away, as a deployment does. */
export async function giveLeastRole(client: DataverseClient, environment: Environment): Promise<void> {
  const mappings = asMappings({ documents: shippedDocuments, language: 1033, from: "the mapping that ships" });
  const privileges = privilegesFor(mappings, settingsFor("dynamics", environment));
  const { clientId: appUser, userId } = LOCAL_APPS.integration;
  const { actions } = await planRole({ client, name: "acs-sync", privileges, appUser });
  await applyRegistration(actions, () => {});
  const path = `systemusers(${userId})/systemuserroles_association(${WELL_KNOWN.administratorRole})/$ref`;
  const operation = "take System Administrator away";
  await client.call({ operation, method: "DELETE", path }).catch((error: unknown) => {
    // Done before.
    if (!(error instanceof MissingError)) throw error;
  });
}
