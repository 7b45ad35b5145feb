// The only check that writes, and only with --canary: two records with the same key, of which Campaign must refuse the second (facts/campaign.md §3.3). They
// are nobody's: a reserved address, opted out of everything, a key that no row of Dynamics can have. Removed whatever happens; what a killed run left
// is removed by the next one.

import { z } from "zod";
import {
  collectionOf,
  findRecord,
  getJson,
  keyIn,
  listSchema,
  type WireRecord,
} from "../../../shared/campaign/find-record.js";
import { makeResourceMetadataSource } from "../../../shared/campaign/metadata.js";
import { ConflictError, MissingError, RefusedError, safeMessage } from "../../../shared/errors.js";
import { parseJson } from "../../../shared/http/json.js";
import { type CompiledMapping, compileMapping } from "../../../shared/mapping/compile.js";
import { namesIn } from "../../../shared/optout/wire-names.js";
import { type Check, type Finding, fail, ok, skipped } from "../check.js";
import { asMappings } from "../documents.js";
import type { CampaignPorts } from "./ports.js";

/** No id of Dynamics reads so. */
export const canaryKey = "doctor-canary";
/** example.com is nobody's (RFC 2606). */
export const canaryEmail = "doctor-canary@example.com";
/** A key that is not unique may have left several. */
const mostRounds = 20;

const guide = "docs/campaign-setup.md, ingress, steps 1 and 4";

/** Is every key unique? Without one, two writers make two profiles of one person. */
export function uniqueKeyCheck(ports: () => CampaignPorts, isWanted: boolean): Check {
  return {
    area: "campaign",
    name: "unique-key",
    asks: "does Campaign refuse a second record with the same key (writes a canary, with --canary only)?",
    after: "api-access",
    async run() {
      if (!isWanted) return [skipped("it writes two records and removes them: --canary lets it")];
      const findings: Finding[] = [];
      for (const mapping of asMappings(await ports().documents()).map(compileMapping)) {
        findings.push(await tryKey(makeCanary(ports(), mapping), mapping));
      }
      return findings;
    },
  };
}

async function tryKey(canary: Canary, mapping: CompiledMapping): Promise<Finding> {
  const { name } = mapping.resource;
  await canary.remove();
  let finding: Finding;
  try {
    finding = await judge(canary, mapping);
  } catch (error) {
    finding = fail(`${name}: ${safeMessage(error)}`, "See that Campaign answers, then run this again.");
  }
  try {
    await canary.remove();
    return finding;
  } catch (error) {
    const fix = `Run this again with --canary, or delete ${name} with key ${canaryKey} (e-mail ${canaryEmail}) in Campaign.`;
    return fail(`${name}: the canary could not be removed: ${safeMessage(error)}`, fix);
  }
}

async function judge(canary: Canary, mapping: CompiledMapping): Promise<Finding> {
  const { name } = mapping.resource;
  const { field } = mapping.key;
  const makeKey = `Make an identification key on ${field} of ${name}, remove doubles first, and publish (${guide}).`;
  let first: WireRecord;
  try {
    first = await canary.create();
  } catch (error) {
    if (error instanceof RefusedError)
      return skipped(`${name}: Campaign takes no record with a key only (${error.code}), so that this cannot be tried`);
    if (!(error instanceof ConflictError)) throw error;
    return fail(
      `${name} has a record with key ${canaryKey} that cannot be found`,
      "Delete it in Campaign, then run this again.",
    );
  }
  if (!(await canary.isFound())) return fail(`${name}: a new record is not found by its key, ${field}`, makeKey);
  try {
    const second = await canary.create();
    if (second.PKey === first.PKey) return ok(`${name}: a second record with the same ${field} became the first one`);
    return fail(`${name} took two records with the same ${field}: the key is not unique`, makeKey);
  } catch (error) {
    if (error instanceof ConflictError) return ok(`${name}: a second record with the same ${field} was refused`);
    throw error;
  }
}

/** The canary of one resource. */
interface Canary {
  create(): Promise<WireRecord>;
  /** Is it found as the mapping finds its records? */
  isFound(): Promise<boolean>;
  /** Removes every one there is. */
  remove(): Promise<void>;
}

function makeCanary({ client, clock, settings }: CampaignPorts, mapping: CompiledMapping): Canary {
  const { resource, key } = mapping;
  const isProfile = resource.name === "profile";
  const ownKey = key.field === "email" ? canaryEmail : canaryKey;
  const deadline = (): number => clock.now() + settings.campaign.callMs;
  const metadata = makeResourceMetadataSource(client, clock, settings.campaign.callMs);

  /** Those that can be found now: a profile by its address, for its key may not be one; any other by its key. */
  const find = async (): Promise<WireRecord[]> => {
    const address = isProfile ? { filter: "Email", query: { email: canaryEmail } } : filterOf(mapping, ownKey);
    const operation = `find the canary of ${resource.name}`;
    const isOwn = (record: WireRecord): boolean => keyIn(mapping, record) === ownKey;
    if (address) {
      const path = `${collectionOf(mapping)}/by${address.filter}?${new URLSearchParams(address.query)}`;
      return (await getJson(client, listSchema, { operation, path, deadline: deadline() })).content.filter(isOwn);
    }
    const path = `${collectionOf(mapping)}/${encodeURIComponent(ownKey)}`;
    const found = await getJson(client, z.record(z.string(), z.unknown()), {
      operation,
      path,
      deadline: deadline(),
    }).catch(onlyIfMissing);
    return found && isOwn(found) ? [found] : [];
  };

  return {
    async create() {
      const known = isProfile ? await metadata.fields(resource) : undefined;
      const optOuts = known ? [...namesIn((name) => known.has(name)).values()].map(({ field }) => [field, true]) : [];
      const body = {
        ...Object.fromEntries(optOuts),
        ...(isProfile && { email: canaryEmail }),
        ...nested(key.field, ownKey),
      };
      const operation = `create the canary of ${resource.name}`;
      const response = await client.call({
        operation,
        method: "POST",
        path: collectionOf(mapping),
        body,
        deadline: deadline(),
      });
      return z.record(z.string(), z.unknown()).catch({}).parse(parseJson(response.text));
    },
    isFound: async () => (await findRecord(client, mapping, ownKey, deadline())) !== undefined,
    async remove() {
      for (let round = 0; round < mostRounds; round += 1) {
        const left = await find();
        if (left.length === 0) return;
        for (const { PKey } of left) {
          const operation = `delete the canary of ${resource.name}`;
          const path = `${collectionOf(mapping)}/${encodeURIComponent(String(PKey))}`;
          await client.call({ operation, method: "DELETE", path, deadline: deadline() }).catch(onlyIfMissing);
        }
      }
      throw new ConflictError(`${resource.name} still shows the canary after it was deleted`);
    },
  };
}

function filterOf(
  { key }: CompiledMapping,
  value: string,
): { filter: string; query: Record<string, string> } | undefined {
  const { address } = key;
  return address.by === "uri"
    ? undefined
    : { filter: address.filter, query: { [`${address.parameter}_parameter`]: value } };
}

function nested(field: string, value: string): Record<string, unknown> {
  const [head = "", tail] = field.split(".");
  return { [head]: tail === undefined ? value : { [tail]: value } };
}

function onlyIfMissing(error: unknown): undefined {
  if (!(error instanceof MissingError)) throw error;
}
