import { beforeEach, describe, expect, it } from "vitest";
import { makeCampaignCore } from "../../infra/local/campaign/core.js";
import type { SimCore } from "../../infra/local/sim/types.js";
import type { CampaignClient } from "../../shared/campaign/client.js";
import { makeCampaignRecords } from "../../shared/campaign/records.js";
import { AuthError, ConflictError, MissingError, RefusedError } from "../../shared/errors.js";
import type { CampaignSink } from "../../shared/flows/ports.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { coreCampaign } from "../support/core-campaign.js";
import { coreWorld } from "../support/core-http.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";

const key = "00000000-0000-4000-8000-000000000001";
const byUri = compiled(aMappingDocument());
const byFilter = compiled(
  aMappingDocument([aField()], {
    key: { field: "externalId", address: { by: "filter", filter: "ExternalId", parameter: "externalId" } },
  }),
);

let clock: FixedClock;
let core: SimCore;
let records: CampaignSink;

beforeEach(() => {
  clock = fixedClock("2026-03-01T00:00:00Z");
  core = makeCampaignCore(coreWorld(clock));
  records = recordsWith("local-secret");
});

function recordsWith(clientSecret: string): CampaignSink {
  return makeCampaignRecords(coreCampaign(core, clock, { clientSecret }));
}

const soon = (): number => clock.now() + 4_000;
const total = (): number => (core.state("calls", new URLSearchParams()) as { total: number }).total;

async function callsOf(run: () => Promise<unknown>): Promise<number> {
  const before = total();
  await run();
  return total() - before;
}

function profile(): Record<string, unknown> | undefined {
  const held = core.state("profile", new URLSearchParams()) as Iterable<{ record: Record<string, unknown> }>;
  return [...held][0]?.record;
}

describe("the body of a write", () => {
  it("nests items, and writes a link by key as a reference or null", async () => {
    const bodies: unknown[] = [];
    const client = {
      root: new URL("http://campaign.test"),
      call: async ({ body }: { body?: unknown }) => {
        bodies.push(body);
        return { status: 200, headers: {}, text: "" };
      },
    };
    const fields = { "location.city": "Lyon", "location.zipCode": "69000", dealer: { key }, orgUnit: null, age: 0 };

    await makeCampaignRecords(client as unknown as CampaignClient).update(byUri, key, fields, soon());

    expect(bodies).toEqual([
      { location: { city: "Lyon", zipCode: "69000" }, dealer: { PKey: key }, orgUnit: null, age: 0 },
    ]);
  });
});

describe("writing Campaign's records", () => {
  it.each<[string, CompiledMapping, number[]]>([
    ["in the URI: 1, 1, 1", byUri, [1, 1, 1]],
    ["by an identification filter: 1, 2, 2", byFilter, [1, 2, 2]],
  ])("spends calls for insert, update and delete with the key %s", async (_how, mapping, expected) => {
    const spent = [
      await callsOf(() => records.insert(mapping, key, { lastName: "Lee" }, soon())),
      await callsOf(() => records.update(mapping, key, { lastName: "Neuhaus" }, soon())),
      await callsOf(() => records.remove(mapping, key, soon())),
    ];

    expect(spent).toEqual(expected);
    expect(profile()).toBeUndefined();
  });

  it("deletes by filter where the instance does not take a key in the URI of a DELETE", async () => {
    const address = { by: "filter", filter: "ExternalId", parameter: "externalId" };
    const mixed = compiled(
      aMappingDocument([aField()], { key: { field: "externalId", address: { by: "uri" }, deleteAddress: address } }),
    );
    core.command?.("settings", { deleteByKey: false });
    await records.insert(mixed, key, { lastName: "Lee" }, soon());

    await records.remove(mixed, key, soon());

    expect(profile()).toBeUndefined();
  });

  it("writes nested fields without touching their siblings", async () => {
    await records.insert(byUri, key, { "location.city": "Sampleford", "location.zipCode": "123" }, soon());

    await records.update(byUri, key, { "location.city": "Esempio" }, soon());

    expect(profile()?.location).toMatchObject({ city: "Esempio", zipCode: "123" });
  });

  it.each([byUri, byFilter])(
    "says that a key exists already, and that there is no record to change or delete",
    async (mapping) => {
      await expect(records.update(mapping, key, { lastName: "Lee" }, soon())).rejects.toThrow(MissingError);
      await expect(records.remove(mapping, key, soon())).rejects.toThrow(MissingError);
      await records.insert(mapping, key, { lastName: "Lee" }, soon());

      await expect(records.insert(mapping, key, { lastName: "Lee" }, soon())).rejects.toThrow(ConflictError);
    },
  );

  it.each(["json", "text"])("understands the engine's refusals in the %s envelope", async (errorEnvelope) => {
    core.command?.("settings", { errorEnvelope });
    await records.insert(byUri, key, { lastName: "Lee" }, soon());

    await expect(records.update(byUri, key, { gender: "other" }, soon())).rejects.toThrow(RefusedError);
    await expect(records.update(byUri, key, { colour: "red" }, soon())).rejects.toMatchObject({
      code: "unknown-field",
    });
    await expect(records.insert(byUri, key, { lastName: "Lee" }, soon())).rejects.toThrow(ConflictError);
  });

  it("gets a fresh token once when the old one was revoked, and says when the credential is wrong", async () => {
    await records.insert(byUri, key, { lastName: "Lee" }, soon());
    core.command?.("revoke-tokens", {});

    await records.update(byUri, key, { lastName: "Neuhaus" }, soon());

    await expect(recordsWith("wrong").remove(byUri, key, soon())).rejects.toThrow(AuthError);
    expect(profile()?.lastName).toBe("Neuhaus");
  });

  it("sends nothing after its deadline", async () => {
    const late = records.insert(byUri, key, { lastName: "Lee" }, clock.now() - 1);

    await expect(late).rejects.toMatchObject({ kind: "unavailable", context: { maybeApplied: false } });
    expect(total()).toBe(0);
  });
});
