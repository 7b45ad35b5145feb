// What people choose in these histories, on either side; every choice that changes something is noted with its true time (choices.ts).

import type { Chance } from "../chance.js";
import type { Edit } from "../editor.js";
import type { World } from "../world.js";
import { contactOf, type Kept, kept, keptNames, profileOf } from "./choices.js";

type Values = Record<string, unknown>;

/** What a history's people do about opt-outs, besides whatever else they do. */
export interface Choosers {
  /** More of a new or edited contact: now and then it says something of opt-outs, too. */
  content(): Values;
  /** To be told before Dynamics is written with these values. */
  before(id: string, values: Values): void;
  /** Somebody chooses something for this contact. */
  choose(id: string): Promise<void>;
  /** To be told before `loser` is merged into `winner`. */
  merging(winner: string, loser: string): void;
  /** Contacts that were deleted: what was chosen for them in Dynamics went with the row. */
  readonly ended: ReadonlySet<string>;
  ends(id: string): void;
}

/** Makes the people of a world that keeps opt-outs. */
export function makeChoosers(
  world: World,
  chance: Chance,
  send: Edit,
  say: (what: string, id: string) => void,
): Choosers {
  const { choices, campaign, dynamics } = world;
  const ended = new Set<string>();
  const isOut = (id: string, attribute: Kept, side: "dynamics" | "campaign"): boolean => {
    const { column, field } = kept[attribute];
    return side === "dynamics" ? contactOf(dynamics, id)?.[column] === true : profileOf(campaign, id)?.[field] === true;
  };

  const before: Choosers["before"] = (id, values) => {
    for (const attribute of keptNames) {
      const out = values[kept[attribute].column];
      if (typeof out !== "boolean" || out === isOut(id, attribute, "dynamics")) continue;
      choices?.note({ id, attribute, side: "dynamics", out });
    }
  };

  return {
    ended,
    ends: (id) => void ended.add(id),
    before,
    content: () => (chance.happens(0.2) ? { [kept[chance.pick(keptNames)].column]: chance.happens(0.5) } : {}),
    async choose(id) {
      const attribute = chance.pick(keptNames);
      const out = chance.happens(0.55);
      if (chance.happens(0.5)) {
        const values = { [kept[attribute].column]: out };
        say(`chooses in Dynamics: ${attribute} ${out ? "out" : "in"}`, id);
        before(id, values);
        await send("PATCH", `contacts(${id})`, values);
        return;
      }
      if (!profileOf(campaign, id) || isOut(id, attribute, "campaign") === out) return;
      say(`chooses in Campaign: ${attribute} ${out ? "out" : "in"}`, id);
      choices?.note({ id, attribute, side: "campaign", out });
      campaign.command?.("edit", { resource: "profile", key: id, values: { [kept[attribute].field]: out } });
    },
    merging(winner, loser) {
      for (const attribute of keptNames) {
        const last = choices?.of(loser, attribute).at(-1);
        // What was chosen in Dynamics for a contact that was made anew went with its row.
        const wasOut = last?.out === true && !ended.has(loser);
        const goesOn = isOut(loser, attribute, "dynamics") || isOut(loser, attribute, "campaign") || wasOut;
        if (goesOn) choices?.inherits(winner, attribute);
      }
      choices?.heir(winner);
    },
  };
}
