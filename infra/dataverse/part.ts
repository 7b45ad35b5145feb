// One part of what Dynamics needs from us (change tracking, a door, the activity tables, the role): what differs, what is as it should be, what people
// should know. How it is shown is print-plan.ts.

import type { Action } from "./action.js";

/**
 * `things`: all there must be, by the names that actions are about. `title`: "" where there is only something to tell. `notes` explain, `warnings` are told and change nothing, `blockers` keep `apply` from
 * beginning.
 */
export interface Part {
  title: string;
  things: readonly string[];
  actions: readonly Action[];
  notes?: readonly string[];
  warnings?: readonly string[];
  blockers?: readonly string[];
}

/** The things that are as they should be. */
export function leftAlone({ things, actions }: Part): string[] {
  const touched = new Set(actions.flatMap(({ about = [] }) => about));
  return things.filter((thing) => !touched.has(thing));
}
