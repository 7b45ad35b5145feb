// What an instance can call the eight opt-out attributes and the times it keeps of them (facts/campaign.md §7): found among the names it shows, never
// guessed. Pure.

import { type OptOutAttribute, optOutAttributes } from "./attributes.js";

/** The boolean's name, and the names of the times that say when it last changed: none, one or, for `any`, two. */
export interface OptOutName {
  field: string;
  times: readonly string[];
}

/** The attributes that a resource has; one that is left out is not there. */
export type OptOutNames = ReadonlyMap<OptOutAttribute, OptOutName>;

/** Ends of the names, in either spelling. */
const ends: Readonly<Record<Exclude<OptOutAttribute, "ccpa">, string>> = {
  any: "",
  email: "Email",
  fax: "Fax",
  mobile: "Mobile",
  phone: "Phone",
  postalMail: "PostalMail",
  push: "Pushnotification",
};
/** In the order in which they are believed: the second one stands in Adobe's prose only. */
const prefixes = ["blackList", "denyList"] as const;

/** The names among those that `has` says are there. */
export function namesIn(has: (name: string) => boolean): OptOutNames {
  const found = new Map<OptOutAttribute, OptOutName>();
  for (const attribute of optOutAttributes) {
    const field = spellingsOf(attribute).find(has);
    if (field !== undefined) found.set(attribute, { field, times: timesOf(attribute, field).filter(has) });
  }
  return found;
}

function spellingsOf(attribute: OptOutAttribute): string[] {
  return attribute === "ccpa" ? ["ccpaOptOut"] : prefixes.map((prefix) => `${prefix}${ends[attribute]}`);
}

/** Contact by any channel has two times, and nobody says which one is its own (facts/campaign.md §7.1). */
function timesOf(attribute: OptOutAttribute, field: string): string[] {
  const own = `${field}LastModified`;
  return attribute === "any" ? [own, `${field}AllLastModified`] : [own];
}
