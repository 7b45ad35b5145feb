// What must hold of everybody's opt-outs after the faults have ended and all is quiet. By hand, apart from the product's rules.

import type { OptOutDirection } from "../../../shared/optout/attributes.js";
import type { Violation } from "../verdict.js";
import type { World } from "../world.js";
import { type Choice, contactOf, kept, keptNames, profileOf } from "./choices.js";

/** Everything that is wrong with the opt-outs of these contacts. `ended`: those that were deleted once. */
export function findOptOutViolations(world: World, ids: Iterable<string>, ended: ReadonlySet<string>): Violation[] {
  const { choices, options } = world;
  const direction = options.optOuts;
  if (!choices || !direction) return [];
  const found = [...choices.violations];
  for (const id of ids) {
    const row = contactOf(world.dynamics, id);
    const profile = profileOf(world.campaign, id);
    if (!row || row.merged === true) continue;
    for (const attribute of keptNames) {
      const { column, field } = kept[attribute];
      const sides = { dynamics: row[column] === true, campaign: profile && profile[field] === true };
      const last = choices.of(id, attribute).at(-1);
      const complain = (rule: string): void => {
        const shown = `Dynamics ${inWords(sides.dynamics)}, Campaign ${inWords(sides.campaign)}`;
        found.push({ rule, what: `${attribute}: ${shown}`, ids: [id] });
      };
      if (!agree(direction, sides, last, attribute === "push")) complain("the sides are as the direction says");
      if (!ended.has(id) && isForgotten(direction, sides, last)) complain("no opt-out is lost");
    }
  }
  return found;
}

interface Sides {
  dynamics: boolean;
  /** Undefined: there is no profile. */
  campaign: boolean | undefined;
}

function inWords(out: boolean | undefined): string {
  return out === undefined ? "without a profile" : out ? "out" : "in";
}

function agree(
  direction: OptOutDirection,
  { dynamics, campaign }: Sides,
  last: Choice | undefined,
  isTimeless: boolean,
): boolean {
  if (campaign === undefined || campaign === dynamics) return true;
  const isOptInThere = last?.side === "campaign" && !last.out;
  switch (direction) {
    case "disabled":
      return true;
    case "both":
      // Campaign does not show an opt-in to push as a change.
      return isTimeless && dynamics && isOptInThere;
    case "toDynamics":
      return !campaign;
    case "toCampaign":
      // Nobody asks Campaign: what was chosen there last stays until the contact is changed.
      return !dynamics || last?.side === "campaign";
  }
}

/** Was the last choice of all an opt-out, and somewhere it does not stand where it must? */
function isForgotten(direction: OptOutDirection, { dynamics, campaign }: Sides, last: Choice | undefined): boolean {
  if (!last?.out || direction === "disabled") return false;
  const isIn = { dynamics: !dynamics, campaign: campaign === false };
  if (direction === "both") return isIn.dynamics || isIn.campaign;
  if (isIn[last.side]) return true;
  return direction === "toCampaign"
    ? last.side === "dynamics" && isIn.campaign
    : last.side === "campaign" && isIn.dynamics;
}
