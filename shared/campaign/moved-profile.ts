// What one record says of a profile whose opt-outs may have moved, as Campaign's API or a line of a file shows it. Pure. What attributes and their times
// are called is opt-out-names.ts.

import { MalformedError } from "../errors.js";
import type { MovedProfile } from "../flows/optout-source.js";
import type { CampaignOptOuts } from "../optout/attributes.js";
import type { OptOutNames } from "../optout/wire-names.js";
import { toInstant } from "./event-row.js";

import { optOutIn } from "./opt-outs.js";

type Shown = Readonly<Record<string, unknown>>;

/**
 * The profile with this key; `changedAt` (ISO): its last change. Where its opt-outs cannot be read they are left out: it rings all the same, and the
 * lane looks for itself.
 */
export function toMovedProfile(names: OptOutNames, key: string, record: Shown, changedAt: string): MovedProfile {
  const optOuts = readableOptOuts(names, record);
  const isUntimed = [...names].some(([attribute, { times }]) => times.length === 0 && optOuts?.get(attribute)?.value);
  const movedAt = latestOf([...optOutTimes(names, record), ...(isUntimed ? [changedAt] : [])]) ?? changedAt;
  return { key, movedAt, ...(optOuts && { optOuts }) };
}

/** When the opt-outs changed (ISO), as far as that can be read. */
export function optOutTimes(names: OptOutNames, record: Shown): string[] {
  return [...names.values()].flatMap(({ times }) => times.flatMap((time) => instantIn(record, time) ?? []));
}

/** The instant in a column (ISO); undefined: there is none, or it cannot be read. */
export function instantIn(record: Shown, column: string): string | undefined {
  const value = record[column];
  return typeof value === "string" ? toInstant(value, false) : undefined;
}

/** The latest of ISO instants. */
export function latestOf(instants: readonly (string | undefined)[]): string | undefined {
  return instants
    .filter((instant) => instant !== undefined)
    .sort()
    .at(-1);
}

/** Every attribute as the record shows it; undefined: one of them cannot be read. */
export function readableOptOuts(names: OptOutNames, record: Shown): CampaignOptOuts | undefined {
  try {
    return new Map([...names].map(([attribute, name]) => [attribute, optOutIn(record, name)]));
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}
