// What this instance calls the eight opt-out attributes and the times it keeps of them (facts/campaign.md §7): found in the resource's metadata, never
// guessed. Reading and writing the attributes is opt-outs.ts.

import { TableError } from "../errors.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { Clock } from "../model/clock.js";
import { type OptOutAttribute, optOutAttributes } from "../optout/attributes.js";
import type { CampaignClient } from "./client.js";
import { makeResourceMetadataSource } from "./metadata.js";

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

/** A publication of Campaign may add attributes. */
const keptMs = 60 * 60_000;

/**
 * Looks the names up: one call a resource and hour, however many ask at once; `budgetMs` bounds it with all its attempts. A failed look is not kept.
 * TableError: there is no such resource.
 */
export function makeOptOutNames(
  client: CampaignClient,
  clock: Pick<Clock, "now">,
  budgetMs: number,
): (resource: CompiledMapping["resource"]) => Promise<OptOutNames> {
  const metadata = makeResourceMetadataSource(client, clock, budgetMs);
  const known = new Map<string, { names: Promise<OptOutNames>; until: number }>();

  const look = async (resource: CompiledMapping["resource"]): Promise<OptOutNames> => {
    const fields = await metadata.fields(resource);
    if (fields) return namesIn((name) => fields.has(name));
    throw new TableError(`Campaign has no resource ${resource.name} in ${resource.api}`, "404");
  };

  return (resource) => {
    const id = `${resource.api}/${resource.name}`;
    const kept = known.get(id);
    if (kept && clock.now() < kept.until) return kept.names;
    const names = look(resource);
    const entry = { names, until: clock.now() + keptMs };
    known.set(id, entry);
    names.catch(() => {
      if (known.get(id) === entry) known.delete(id);
    });
    return names;
  };
}

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
