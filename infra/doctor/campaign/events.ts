// Can e-mail events come: the staged resource, its filter, the workflows (facts/campaign.md §8.3). The verdicts are those of the app's own checks,
// shared/campaign/event-checks.ts.

import { judgeEvents } from "../../../shared/campaign/event-checks.js";
import { makeEventProbes } from "../../../shared/campaign/event-probes.js";
import { defaultEventFields } from "../../../shared/campaign/event-row.js";
import { checkEvents } from "../../../shared/campaign/event-watch.js";
import { makeResourceMetadataSource } from "../../../shared/campaign/metadata.js";
import { restSourceOf } from "../../../shared/compose/egress.js";
import type { EventFinding } from "../../../shared/flows/egress-ports.js";
import { type Check, type Finding, fail, orOk, skipped, warn } from "../check.js";
import type { CampaignPorts } from "./ports.js";

const off = "EGRESS_TYPES names no events; EGRESS_TYPES=send npm run doctor asks all the same";
/** Profiles asked when they last got an e-mail, while no event comes: two calls each. */
const watchedProfiles = 5;

/** Columns of the staged resource. */
export function eventColumnsCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "event-columns",
    asks: "has the resource of the e-mail events the columns that are read?",
    after: "api-access",
    async run() {
      const { settings, client, clock } = ports();
      const { from, fields } = settings.events;
      if (settings.egress.types.size === 0) return [skipped(off)];
      if (from.by === "files") return [skipped("EVENTS_SOURCE=files: the columns are in the files")];
      const metadata = makeResourceMetadataSource(client, clock, settings.campaign.callMs);
      const known = await metadata.fields({ api: from.api, name: from.resource });
      const guide = "docs/campaign-setup.md, egress, steps 1 and 2";
      if (!known) {
        const fix = `Make and publish it (${guide}); EVENTS_API and EVENTS_RESOURCE say where it is.`;
        return [fail(`Campaign has no resource ${from.resource} under ${from.api}`, fix)];
      }
      // A mirror page is optional (docs/campaign-setup.md).
      const { mirrorPageUrl: _optional, ...needed } = { ...defaultEventFields, ...fields };
      const columns = [...Object.values(needed).filter((column) => column !== ""), from.order];
      const missing = columns.filter((column) => !known.has(column));
      const fix = `Add them and publish (${guide}), or name them with EVENTS_FIELDS and EVENTS_ORDER.`;
      return orOk(
        missing.length > 0 ? [fail(`${from.resource} has no ${missing.join(", ")}`, fix)] : [],
        `${from.resource}: ${columns.join(", ")}`,
      );
    },
  };
}

/** Filter, workflows, rows. */
export function eventsCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "events",
    asks: "do e-mail events come: the filter, the workflows that stage them, the latest row?",
    after: "api-access",
    async run() {
      const { settings } = ports();
      if (settings.egress.types.size === 0) return [skipped(off)];
      const { workflows } = settings.events;
      const fix =
        "Set EVENTS_WORKFLOWS to the IDs of the workflows that stage or extract the events (docs/campaign-setup.md, egress, step 4).";
      const unwatched =
        workflows.length === 0 ? [warn("nobody notices when the workflows stop: their IDs are not set", fix)] : [];
      const findings = await ask(ports());
      return orOk(
        [...findings.map(toFinding), ...unwatched],
        workflows.length > 0 ? `started: ${workflows.join(", ")}` : "",
      );
    },
  };
}

async function ask({ client, clock, settings }: CampaignPorts): Promise<readonly EventFinding[]> {
  const { callMs } = settings.campaign;
  const { from, fields, workflows } = settings.events;
  const probes = makeEventProbes(client, clock, callMs);
  if (from.by === "files") {
    const now = new Date(clock.now()).toISOString();
    return judgeEvents({ now, workflows: await probes.workflows(workflows) });
  }
  const source = restSourceOf(from, fields, client, clock, callMs);
  return checkEvents({ source, probes, workflows, profiles: watchedProfiles, clock }, {});
}

/** Silence may have its reasons; everything else keeps events away. */
function toFinding({ code, message, fix }: EventFinding): Finding {
  return (code === "no-events-while-delivering" ? warn : fail)(`${code}: ${message}`, fix);
}
