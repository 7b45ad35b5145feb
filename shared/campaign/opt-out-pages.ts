import type { OptOutPages } from "../flows/reconcile-ports.js";
import type { Clock } from "../model/clock.js";
import type { CampaignClient } from "./client.js";
import { keyIn } from "./find-record.js";
import { readableOptOuts } from "./moved-profile.js";
import { makeOptOutNames } from "./opt-out-names.js";
import { knownNames } from "./opt-out-source.js";
import { readRecordPage } from "./record-page.js";

/** Reads from one instance: a call a page, and one an hour, within `callMs`, for the names of the attributes. Implements the port OptOutPages. */
export function makeOptOutPages(client: CampaignClient, clock: Pick<Clock, "now">, callMs: number): OptOutPages {
  const namesOf = makeOptOutNames(client, clock, callMs);
  return {
    async readPage(mapping, cursor, size, deadline) {
      const names = await knownNames(namesOf, mapping);
      const { content, next } = await readRecordPage(client, mapping, { cursor, size, deadline });
      const keyed = content
        .map((record) => ({ key: keyIn(mapping, record), optOuts: readableOptOuts(names, record) }))
        .filter(({ key }) => key !== "");
      const profiles = keyed.flatMap(({ key, optOuts }) => (optOuts ? [{ key, optOuts }] : []));
      const mapped = mapping.optOuts?.attributes ?? [];
      return {
        profiles,
        withoutKey: content.length - keyed.length,
        malformed: keyed.length - profiles.length,
        missing: mapped.flatMap(({ attribute }) => (names.has(attribute) ? [] : [attribute])),
        ...(next !== undefined && { next }),
      };
    },
  };
}
