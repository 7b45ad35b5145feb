// What this instance calls the eight opt-out attributes: looked up in the resource's metadata. Which names there can be is optout/wire-names.ts, reading and
// writing the attributes is opt-outs.ts.

import { TableError } from "../errors.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { Clock } from "../model/clock.js";
import { namesIn, type OptOutNames } from "../optout/wire-names.js";
import type { CampaignClient } from "./client.js";
import { makeResourceMetadataSource } from "./metadata.js";

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
