// What an operator can do about a failure, by its code. The codes are given where the errors are made (campaign/to-error.ts, dataverse/to-error.ts, flows/).

import { childrenRemain, parentMissing } from "../flows/write-record.js";

const readAgain = "Then redrive the failure.";

/** Fixes by code. */
const byCode: Readonly<Record<string, string>> = {
  mapping: `A value of the row does not fit the field that the message names. Correct the row in Dynamics (its next change is brought by itself), or let the field truncate, skip or empty such values and publish. ${readAgain}`,
  "bad-enumeration-value": `Campaign does not know this value of the enumeration. Add it to the enumeration in Campaign, or a replacement to the field's mapping. ${readAgain}`,
  "unknown-field": `The resource has no such field. Publish it in Campaign together with the Profiles & Services Ext API, or take the field out of the mapping. ${readAgain}`,
  "read-only": `Campaign computes this field itself. Take it out of the mapping and publish. ${readAgain}`,
  "key-change": `The record in Campaign has another key than the one it was found by. Check that the identification key is unique and that the mapping's key field is it. ${readAgain}`,
  contradiction: `The record exists in Campaign and cannot be addressed: it is hidden because the record it must be linked to is missing, or its key is not usable in the URI. Look for the parent; try addressing by a filter. ${readAgain}`,
  "bad-expression": `Campaign could not read what the mapping or the settings ask for: a key, a filter or a parameter is not what it expects. The message names the call. ${readAgain}`,
  "not-found": `Campaign found no record by this key. Check the identification key or filter of the resource. ${readAgain}`,
  "duplicate-key": `Two records of Campaign claim this key. Remove one of them. ${readAgain}`,
  "no-such-opt-out": `The profile in Campaign has no such attribute. Take it out of the mapping's optOuts and publish. ${readAgain}`,
  "value-not-taken": `Dynamics accepted the write and kept the old value: the application user may not update this column (column security, or not updatable), or a plug-in put it back. Put that right. ${readAgain}`,
  [parentMissing]: `The record waits for the parent that the message names. See to that one first, it may be in failures itself; this record comes by itself when the parent does.`,
  [childrenRemain]: `Records that are linked to this one keep it in Campaign. Look for their failures first. ${readAgain}`,
  MaxDeliveryCountExceeded: `The app threw at every delivery: a mistake of the product. The log of the time of the failure says where. ${readAgain}`,
  TTLExpiredException: `The message waited longer than the queue keeps one, as after a long stop. ${readAgain}`,
};

/** Fixes by kind of error, where the code is a vendor's own. */
const byReason: Readonly<Record<string, string>> = {
  refused: `Campaign or Dynamics refused the record with the code shown; saying it again changes nothing. Look the code up in the peer's documentation, correct the row or the mapping. ${readAgain}`,
  unavailable: `Campaign answered with an error that nobody documented, again and again. Look into Campaign's own log at the time shown. ${readAgain}`,
  missing: `The record was neither found nor accepted as new. ${readAgain}`,
  malformed: `An answer could not be read, again and again. The log says which. ${readAgain}`,
  "dead-letter": `The platform gave the message up; the log of the time of the failure says why. ${readAgain}`,
  settings: `The app's settings are wrong: see health. ${readAgain}`,
  unauthenticated: `The message is not this organisation's. Dismiss it.`,
};

/** Codes that have words of their own. */
export const knownCodes: readonly string[] = Object.keys(byCode);

const eventRefused = `Dynamics refused the activity of this event with the code shown, as for want of a privilege, because of a plug-in or a column that is not as EGRESS_TABLES says. Put it right. ${readAgain}`;

/** What to do about a failure. */
export function fixOf({ flow, code, reason }: { flow: "ingress" | "egress"; code: string; reason: string }): string {
  if (flow === "egress") return eventRefused;
  return byCode[code] ?? byReason[reason] ?? `See the message. ${readAgain}`;
}
