// The canary: a contact in Dynamics that is nobody, opted out of everything, at an address that no mail reaches. What is watched with it is smoke.ts.

import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { MissingError } from "../../shared/errors.js";
import { parseRecordId, type RecordId } from "../../shared/model/ids.js";

/** Last name of every canary: it is found by it. */
const lastName = "ACS-SYNC-CANARY";

/** Columns of a contact that forbid something when they are true; every environment has them. */
export const optOutColumns = [
  "donotemail",
  "donotbulkemail",
  "donotphone",
  "donotfax",
  "donotpostalmail",
  "donotbulkpostalmail",
  "donotsendmm",
] as const;

const foundSchema = z.object({
  value: z.array(z.object({ contactid: z.string(), emailaddress1: z.string().nullish() })),
});

/** Every canary in the environment, also one that a killed run left. A row counts only if its address holds its own id: nobody else's is ever taken for one. */
export async function findCanaries(client: DataverseClient): Promise<RecordId[]> {
  const query = new URLSearchParams({ $select: "contactid,emailaddress1", $filter: `lastname eq '${lastName}'` });
  const { value } = foundSchema.parse(await client.json({ operation: "find canaries", path: `contacts?${query}` }));
  return value
    .map(({ contactid, emailaddress1 }) => ({ id: parseRecordId(contactid), emailaddress1 }))
    .filter(({ id, emailaddress1 }) => emailaddress1 === addressOf(id))
    .map(({ id }) => id);
}

/** Creates a canary with this id. `moreOptOuts`: columns that forbid something besides the usual ones. */
export async function createCanary(
  client: DataverseClient,
  id: RecordId,
  moreOptOuts: readonly string[] = [],
): Promise<void> {
  const optedOut = Object.fromEntries([...optOutColumns, ...moreOptOuts].map((column) => [column, true]));
  const body = { ...optedOut, contactid: id, firstname: "Canary", lastname: lastName, emailaddress1: addressOf(id) };
  await client.call({ operation: "create the canary", method: "POST", path: "contacts", body });
}

/** Deletes it; one that is gone already is no error. */
export async function removeCanary(client: DataverseClient, id: RecordId): Promise<void> {
  try {
    await client.call({ operation: "delete the canary", method: "DELETE", path: `contacts(${id})` });
  } catch (error) {
    if (!(error instanceof MissingError)) throw error;
  }
}

/** example.com is nobody's (RFC 2606). */
function addressOf(id: RecordId): string {
  return `acs-sync-canary-${id}@example.com`;
}
