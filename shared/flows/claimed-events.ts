import { activityIdOf } from "../model/email-event.js";
import type { EventLedger, KnownEvent } from "./egress-ports.js";

/**
 * The ledger as pages see it that are worked on side by side: an event that one of them found open is known to the others as written, until it is noted.
 * For one run: should its page fail, so does the run, and the next begins anew.
 */
export function withClaims(ledger: EventLedger): EventLedger {
  const claimed = new Set<string>();
  return {
    ...ledger,
    async known(events) {
      const mine = events.filter((event) => !claimed.has(activityIdOf(event)));
      const others = events.filter((event) => claimed.has(activityIdOf(event)));
      // Before anything is waited for.
      for (const event of mine) claimed.add(activityIdOf(event));
      const found = await ledger.known(mine);
      // What was refused may be tried again.
      for (const [id, { outcome }] of found) if (outcome !== "refused") claimed.delete(id);
      const claims = others.map((event): [string, KnownEvent] => [activityIdOf(event), { outcome: "written" }]);
      return new Map([...found, ...claims]);
    },
    async note(outcomes, page) {
      await ledger.note(outcomes, page);
      for (const { event } of outcomes) claimed.delete(activityIdOf(event));
    },
    noteOthers: (rows, page) => ledger.noteOthers(rows, page),
  };
}
