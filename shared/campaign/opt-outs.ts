// Opt-outs of Campaign's profiles: read with their times, written alone (facts/campaign.md §7, §9). Implements the port CampaignOptOutStore. What the
// attributes are called is opt-out-names.ts, who wins is optout/decide.ts.

import { MalformedError, RefusedError } from "../errors.js";
import type { CampaignOptOutStore } from "../flows/optout-ports.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { Clock } from "../model/clock.js";
import type { CampaignOptOut, OptOutAttribute } from "../optout/attributes.js";
import type { OptOutName } from "../optout/wire-names.js";
import type { CampaignClient } from "./client.js";
import { toInstant } from "./event-row.js";
import { findRecord, locateRecord, type WireRecord } from "./find-record.js";
import { makeOptOutNames } from "./opt-out-names.js";

/** Code of the refusal of an attribute that the instance does not have. */
export const noSuchOptOut = "no-such-opt-out";

/**
 * Works with one instance. With the key in the URI a read is one call and so is a write; through a filter a write takes one more, to find the profile.
 * Once an hour the names are looked up before, within `callMs`.
 */
export function makeCampaignOptOuts(
  client: CampaignClient,
  clock: Pick<Clock, "now">,
  callMs: number,
): CampaignOptOutStore {
  const namesOf = makeOptOutNames(client, clock, callMs);

  /** The values under this instance's names. RefusedError: it lacks one of them. */
  const toFields = async (
    { resource }: CompiledMapping,
    values: ReadonlyMap<OptOutAttribute, boolean>,
  ): Promise<Record<string, boolean>> => {
    const names = await namesOf(resource);
    const fields: Record<string, boolean> = {};
    for (const [attribute, value] of values) {
      const name = names.get(attribute);
      if (!name) {
        const fix = "take it out of the mapping's optOuts";
        const context = { system: "campaign", attribute };
        throw new RefusedError(
          `Campaign has no opt-out ${attribute} in ${resource.name}: ${fix}`,
          noSuchOptOut,
          context,
        );
      }
      fields[name.field] = value;
    }
    return fields;
  };

  return {
    async read(mapping, key, deadline) {
      const names = await namesOf(mapping.resource);
      const record = await findRecord(client, mapping, key, deadline);
      return record && new Map([...names].map(([attribute, name]) => [attribute, optOutIn(record, name)]));
    },

    async write(mapping, key, values, deadline) {
      if (values.size === 0) return { mayEcho: false };
      const body = await toFields(mapping, values);
      const path = await locateRecord(client, mapping, key, { address: mapping.key.address, deadline });
      const operation = `write opt-outs of ${mapping.resource.name}`;
      return client.call({ operation, method: "PATCH", path, body, deadline });
    },

    toFields,
  };
}

/**
 * One attribute as the profile shows it. What cannot be read is never taken for "may be contacted". Which of several times is the attribute's own is not
 * known: an opt-out counts as changed at the latest, an opt-in at the earliest, so that no doubt ever opts anybody in.
 */
export function optOutIn(record: WireRecord, { field, times }: OptOutName): CampaignOptOut {
  const value = record[field];
  if (typeof value !== "boolean") throw new MalformedError(`Campaign shows no true or false in ${field}`);
  const known = times.map((time) => timeIn(record, time)).filter((at) => at !== undefined);
  return known.length === 0 ? { value } : { value, at: value ? Math.max(...known) : Math.min(...known) };
}

/** Epoch ms; undefined: empty, which means never. */
function timeIn(record: WireRecord, time: string): number | undefined {
  const text = record[time];
  if (text === undefined || text === null || text === "") return undefined;
  const instant = typeof text === "string" ? toInstant(text, false) : undefined;
  if (instant === undefined) throw new MalformedError(`Campaign shows no time in ${time}`);
  return Date.parse(instant);
}
