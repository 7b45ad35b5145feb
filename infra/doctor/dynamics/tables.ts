import { makeMetadataSource } from "../../../shared/dataverse/metadata.js";
import { type Check, type Finding, fail, orOk, warn } from "../check.js";
import { asMappings } from "../documents.js";
import type { DynamicsPorts } from "./ports.js";

/** Tables and columns that the mappings name. */
export function tablesCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "tables",
    asks: "are the tables and columns that the mappings name there, and as they say?",
    after: "sign-in",
    async run() {
      const { prepared, documents } = ports();
      const { mappings, problems, warnings } = await prepared();
      const { documents: all, from } = await documents();
      const place = (path: string): string => (all.length === 1 ? path.replace(/^\[0\]\.?/, "") : path);
      const findings: Finding[] = [
        ...problems.map(({ path, problem, fix }) => fail(`${place(path)} ${problem}`, sentence(fix))),
        ...warnings.map(({ path, problem, fix }) => warn(`${place(path)} ${problem}`, sentence(fix))),
      ];
      return orOk(findings, `${mappings.map(({ table }) => table.name).join(", ")} (${from})`);
    },
  };
}

/** Without change tracking there is no ledger, and what a webhook loses stays lost. */
export function trackingCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "change-tracking",
    asks: "is change tracking on for every mapped table?",
    after: "sign-in",
    async run() {
      const { client, documents } = ports();
      const names = asMappings(await documents()).map(({ table }) => table.name);
      const tables = await makeMetadataSource(client).tables(new Map(names.map((name) => [name, new Set()])));
      const findings = [...tables.values()].flatMap(({ name, changeTracking }): Finding[] => {
        if (changeTracking === "on") return [];
        const how =
          changeTracking === "off"
            ? "npm run dataverse:apply switches it on; so does the table's Track changes in Power Apps. It cannot be switched off again."
            : "Dynamics does not allow it for this table: map another one.";
        return [fail(`change tracking of ${name} is off: the sweep cannot read what changed`, how)];
      });
      return orOk(findings, `on for ${[...tables.keys()].join(", ") || "none: no mapped table is there"}`);
    },
  };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
