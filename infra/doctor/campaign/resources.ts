// Resources, fields, opt-out attributes and filters that the mappings name (facts/campaign.md §4, §6, §7).

import { randomUUID } from "node:crypto";
import { findRecord } from "../../../shared/campaign/find-record.js";
import { makeResourceMetadataSource } from "../../../shared/campaign/metadata.js";
import { MalformedError, TableError, UnavailableError } from "../../../shared/errors.js";
import { resourceWarnings } from "../../../shared/mapping/against-resource.js";
import { compileMapping } from "../../../shared/mapping/compile.js";
import type { MappingProblem } from "../../../shared/mapping/problem.js";
import type { TableMapping } from "../../../shared/mapping/table-mapping.js";
import { type Check, type Finding, fail, ok, orOk, skipped, warn } from "../check.js";
import { asMappings } from "../documents.js";
import type { CampaignPorts } from "./ports.js";

/** Resource, key and fields of every mapping. */
export function resourcesCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "resources",
    asks: "are the resource, its key and the fields there that every mapping names, and can they be written?",
    after: "api-access",
    async run() {
      const found = await held(ports(), (path) => !isOptOut(path));
      return orOk(
        found.flatMap(({ findings }) => findings),
        found.map(({ mapping }) => namesOf(mapping)).join("; "),
      );
    },
  };
}

/** Opt-out attributes of every mapping that has some. */
export function optOutAttributesCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "opt-out-attributes",
    asks: "does the resource show the opt-out attributes that the mappings name?",
    after: "api-access",
    async run() {
      const found = (await held(ports(), isOptOut)).filter(({ mapping }) => hasOptOuts(mapping));
      if (found.length === 0) return [skipped("no mapping has opt-outs")];
      const names = found.flatMap(({ mapping }) => Object.keys(mapping.optOuts?.attributes ?? {}));
      return orOk(
        found.flatMap(({ findings }) => findings),
        names.join(", "),
      );
    },
  };
}

/** Can a record be found by its key as the mapping says: in the URI, or through its filter? */
export function keyAddressCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "key-address",
    asks: "can records be found by their key as every mapping says (in the URI, or by a filter)?",
    after: "api-access",
    async run() {
      const findings: Finding[] = [];
      for (const mapping of asMappings(await ports().documents())) findings.push(await keyAddress(ports(), mapping));
      return findings;
    },
  };
}

async function keyAddress({ client, clock, settings }: CampaignPorts, mapping: TableMapping): Promise<Finding> {
  const { resource, key } = mapping;
  const { address } = key;
  const way = address.by === "uri" ? "the key in the URI" : `filter ${address.filter}, parameter ${address.parameter}`;
  const guide = "docs/campaign-setup.md, ingress, steps 1 to 4";
  try {
    // Nobody has this key; a filter that ignores its parameter finds somebody all the same.
    await findRecord(client, compileMapping(mapping), randomUUID(), clock.now() + settings.campaign.callMs);
    return ok(`${resource.name} by ${way}`);
  } catch (error) {
    if (error instanceof TableError)
      return fail(`${resource.name} cannot be asked by ${way}: ${error.message}`, `Make it and publish (${guide}).`);
    // Campaign's word for a filter whose parameter has another name is a plain 500.
    const isMisused = error instanceof UnavailableError && error.context.status === 500 && address.by === "filter";
    if (!isMisused && !(error instanceof MalformedError)) throw error;
    const fix = `Its rule must be ${key.field}, equal to the parameter, and the parameter's name that of the mapping's key.address (${guide}).`;
    return fail(`${resource.name} by ${way}: ${error.message}`, fix);
  }
}

interface Held {
  mapping: TableMapping;
  findings: readonly Finding[];
}

async function held(
  { client, clock, settings, documents }: CampaignPorts,
  wanted: (path: string) => boolean,
): Promise<Held[]> {
  const metadata = makeResourceMetadataSource(client, clock, settings.campaign.callMs);
  const found: Held[] = [];
  for (const mapping of asMappings(await documents())) {
    const problems = resourceWarnings(mapping, await metadata.fields(mapping.resource));
    found.push({ mapping, findings: problems.filter(({ path }) => wanted(path)).map(toFinding) });
  }
  return found;
}

function isOptOut(path: string): boolean {
  return path.startsWith("optOuts.");
}

function hasOptOuts({ optOuts }: TableMapping): boolean {
  return optOuts !== undefined && optOuts.direction !== "disabled";
}

/** What is not there or cannot be written fails record after record; a type or length that differs may do no harm. */
function toFinding({ path, problem, fix }: MappingProblem): Finding {
  const isMissing = /^resource\.|^key\.|\.target$|^optOuts\./.test(path);
  return (isMissing ? fail : warn)(
    `${path}: ${problem}`,
    `${fix.charAt(0).toUpperCase()}${fix.slice(1)} (docs/campaign-setup.md).`,
  );
}

function namesOf({ resource, key, fields }: TableMapping): string {
  return `${resource.name} with key ${key.field} and ${fields.length} fields`;
}
