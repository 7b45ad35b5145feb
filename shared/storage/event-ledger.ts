// The e-mail events that have been dealt with (design.md §4), so that nothing comes twice and what a user deleted in Dynamics stays deleted. Ids and
// outcomes only; kept as long as Campaign keeps its logs.

import { ConflictError } from "../errors.js";
import type { EventLedger, EventOutcome } from "../flows/egress-ports.js";
import { mapLimit } from "../flows/map-limit.js";
import { activityIdOf, type EmailEvent } from "../model/email-event.js";
import type { EntityTable } from "./entity-table.js";

const atOnce = 16;
const outcomes: readonly EventOutcome[] = ["written", "no-contact", "refused"];

/** The ledger over an entity table: partition = day of the event, row = id of its activity. */
export function makeEventLedger(entities: EntityTable): EventLedger {
  const placeOf = (event: EmailEvent): [string, string] => [event.at.slice(0, 10), activityIdOf(event)];
  return {
    async known(events) {
      const found = await mapLimit(events, atOnce, async (event) => {
        const entity = await entities.get(...placeOf(event));
        const outcome = outcomes.find((one) => one === entity?.values.outcome);
        return outcome === undefined ? undefined : ([activityIdOf(event), outcome] as const);
      });
      return new Map(found.filter((one) => one !== undefined));
    },
    async note(noted) {
      await mapLimit(noted, atOnce, async ({ event, outcome }) => {
        const place = placeOf(event);
        try {
          await entities.insert(...place, { outcome });
        } catch (error) {
          if (!(error instanceof ConflictError)) throw error;
          const current = await entities.get(...place);
          // A refusal that was redriven has become something else; nothing else ever changes.
          if (current?.values.outcome === "refused" && outcome !== "refused") {
            await entities.replace(...place, { outcome }, current.etag);
          }
        }
      });
    },
  };
}
