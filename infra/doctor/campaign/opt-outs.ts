import { makeOptOutSource } from "../../../shared/campaign/opt-out-source.js";
import { TableError } from "../../../shared/errors.js";
import { compileMapping } from "../../../shared/mapping/compile.js";
import { type Check, type Finding, fail, ok, skipped } from "../check.js";
import { asMappings } from "../documents.js";
import type { CampaignPorts } from "./ports.js";

const guide = "docs/campaign-setup.md, opt-outs, step 1";

/** The filter that finds profiles whose opt-outs changed, where a mapping wants them. */
export function optOutFilterCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "opt-out-filter",
    asks: "does the filter find profiles whose opt-outs changed, and no others?",
    after: "api-access",
    async run() {
      const { settings, documents, client, clock } = ports();
      const { from } = settings.optOuts;
      const wanted = asMappings(await documents()).filter(
        ({ optOuts }) => optOuts?.direction === "toDynamics" || optOuts?.direction === "both",
      );
      if (wanted.length === 0) return [skipped("no mapping takes opt-outs from Campaign")];
      if (from.by === "files") return [skipped("OPTOUT_SOURCE=files: see sftp")];
      const { callMs } = settings.campaign;
      const source = makeOptOutSource({ client, clock, callMs, filter: from.filter, by: from.on });
      const findings: Finding[] = [];
      for (const mapping of wanted.map(compileMapping)) {
        try {
          await source.readMoved(mapping, new Date(clock.now()).toISOString(), undefined, 1);
          await source.check(mapping);
          findings.push(ok(`${mapping.resource.name} ${from.filter ? `by${from.filter.name}` : "without a filter"}`));
        } catch (error) {
          if (!(error instanceof TableError)) throw error;
          findings.push(fail(error.message, `Compare the filter with the guide (${guide}).`));
        }
      }
      return findings;
    },
  };
}
