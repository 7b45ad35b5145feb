import { beforeEach, describe, expect, it } from "vitest";
import { makeCampaignCore } from "../../infra/local/campaign/core.js";
import { defaultInstance } from "../../infra/local/campaign/model/default-instance.js";
import type { SimCore } from "../../infra/local/sim/types.js";
import type { CampaignClient } from "../../shared/campaign/client.js";
import { makeCampaignOptOuts } from "../../shared/campaign/opt-outs.js";
import { MalformedError, MissingError, RefusedError, TableError, UnavailableError } from "../../shared/errors.js";
import type { CampaignOptOutStore } from "../../shared/flows/optout-ports.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { type OptOutAttribute, optOutAttributes } from "../../shared/optout/attributes.js";
import { campaignClientOf, campaignHost, coreCampaign } from "../support/core-campaign.js";
import { coreWorld } from "../support/core-http.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";
import { lossyHttp } from "../support/lossy-http.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";
import { recordId } from "../support/samples.js";

const key = recordId(1);
const byUri = compiled(aMappingDocument());
const byFilter = mappedBy("ExternalId", "externalId");
const standardApi = compiled(
  aMappingDocument([aField()], {
    resource: { api: "profileAndServices", name: "profile" },
    key: { field: "externalId", address: { by: "uri" } },
  }),
);

function mappedBy(filter: string, parameter: string): CompiledMapping {
  return compiled(
    aMappingDocument([aField()], { key: { field: "externalId", address: { by: "filter", filter, parameter } } }),
  );
}

const onExternalId = { source: "externalId", target: "externalId" };
let clock: FixedClock;
let core: SimCore;
let optOuts: CampaignOptOutStore;

beforeEach(() => {
  clock = fixedClock("2026-03-01T10:00:00Z");
  core = makeCampaignCore(coreWorld(clock));
  optOuts = storeOf(coreCampaign(core, clock));
});

function storeOf(client: CampaignClient): CampaignOptOutStore {
  return makeCampaignOptOuts(client, clock, 4_000);
}

/** A store whose calls pass through `change`: the body of every answer, parsed, and the path that was asked. */
function tampered(change: (body: Record<string, unknown>, path: string) => void): CampaignOptOutStore {
  const client = coreCampaign(core, clock);
  return storeOf({
    ...client,
    async call(call) {
      const response = await client.call(call);
      const body = JSON.parse(response.text) as Record<string, unknown>;
      change(body, String(call.path));
      return { ...response, text: JSON.stringify(body) };
    },
  });
}

const soon = (): number => clock.now() + 4_000;
const seed = (...records: Record<string, unknown>[]) => core.command?.("seed", { resource: "profile", records });
const edit = (values: Record<string, unknown>) => core.command?.("edit", { resource: "profile", key, values });
const total = (): number => (core.state("calls", new URLSearchParams()) as { total: number }).total;

function profile(): Record<string, unknown> {
  const [first] = core.state("profile", new URLSearchParams()) as Iterable<{ record: Record<string, unknown> }>;
  return first?.record ?? {};
}

async function callsOf(run: () => Promise<unknown>): Promise<number> {
  const before = total();
  await run();
  return total() - before;
}

function values(...pairs: [OptOutAttribute, boolean][]): Map<OptOutAttribute, boolean> {
  return new Map(pairs);
}

describe("reading the opt-outs of a profile", () => {
  it.each(["blackList", "denyList"])("finds all eight where the instance calls them %s…", async (optOutNames) => {
    core.command?.("settings", { optOutNames });
    seed({ externalId: key });
    clock.advance(5_000);
    edit({ [`${optOutNames}Email`]: true, ccpaOptOut: true, [`${optOutNames}Pushnotification`]: true });

    const read = await optOuts.read(byUri, key, soon());

    expect([...(read?.keys() ?? [])].sort()).toEqual([...optOutAttributes].sort());
    expect(read?.get("email")).toEqual({ value: true, at: Date.parse("2026-03-01T10:00:05Z") });
    expect(read?.get("ccpa")).toEqual({ value: true, at: Date.parse("2026-03-01T10:00:05Z") });
    expect(read?.get("push")).toEqual({ value: true });
    expect(read?.get("fax")).toEqual({ value: false });
  });

  it("knows the time to the millisecond, also after the choice was taken back", async () => {
    seed({ externalId: key, blackListPhone: true });
    clock.advance(1_234);
    edit({ blackListPhone: false });

    const read = await optOuts.read(byUri, key, soon());

    expect(read?.get("phone")).toEqual({ value: false, at: Date.parse("2026-03-01T10:00:01.234Z") });
  });

  it.each([
    ["an opt-out by any channel as changed at the later one", true, "2026-03-01T12:00:00Z"],
    ["an opt-in as changed at the earlier one", false, "2026-03-01T11:00:00Z"],
  ])("takes, of two times, %s", async (_what, blackList, at) => {
    seed({ externalId: key });
    const store = tampered((body, path) => {
      if (path.includes("resourceType")) return;
      const times = {
        blackListLastModified: "2026-03-01 11:00:00.000Z",
        blackListAllLastModified: "2026-03-01 12:00:00.000Z",
      };
      Object.assign(body, { blackList, ...times });
    });

    const read = await store.read(byUri, key, soon());

    expect(read?.get("any")).toEqual({ value: blackList, at: Date.parse(at) });
  });

  it.each<[string, CompiledMapping]>([
    ["in the URI", byUri],
    ["through a filter", byFilter],
  ])("costs one call a profile with the key %s, and one an hour for the names", async (_how, mapping) => {
    seed({ externalId: key });

    const first = await callsOf(() => optOuts.read(mapping, key, soon()));
    const second = await callsOf(() => optOuts.read(mapping, key, soon()));
    clock.advance(60 * 60_000);
    const anHourLater = await callsOf(() => optOuts.read(mapping, key, soon()));

    expect([first, second, anHourLater]).toEqual([2, 1, 2]);
  });

  it("asks for the names once, however many lanes begin at the same moment", async () => {
    seed({ externalId: key });

    const calls = await callsOf(() => Promise.all([1, 2, 3].map(() => optOuts.read(byUri, key, soon()))));

    expect(calls).toBe(4);
  });

  it("asks again for names that could not be read the first time", async () => {
    seed({ externalId: key });
    let fails = true;
    const client = coreCampaign(core, clock);
    const store = storeOf({
      ...client,
      async call(call) {
        if (fails && String(call.path).includes("resourceType")) throw new UnavailableError("away", false);
        return client.call(call);
      },
    });
    await expect(store.read(byUri, key, soon())).rejects.toThrow(UnavailableError);

    fails = false;
    const read = await store.read(byUri, key, soon());

    expect(read?.get("email")).toEqual({ value: false });
  });

  it.each<[string, CompiledMapping]>([
    ["in the URI", byUri],
    ["through a filter", byFilter],
  ])("answers nothing for a profile that is not there, with the key %s", async (_how, mapping) => {
    seed({ externalId: recordId(2) });

    expect(await optOuts.read(mapping, key, soon())).toBeUndefined();
  });

  it("answers nothing for a profile that Campaign hides, since it lacks a record that it must be linked to", async () => {
    const link = { name: "cusOwner", label: "Owner", type: "link", target: "cusEmailEvent", cardinality: "1" } as const;
    const profile = { ...defaultInstance.extend?.profile, fields: [{ ...link, join: onExternalId }] };
    core = makeCampaignCore(coreWorld(clock), { configuration: { ...defaultInstance, extend: { profile } } });
    seed({ externalId: key, blackListEmail: true });

    expect(await storeOf(coreCampaign(core, clock)).read(byUri, key, soon())).toBeUndefined();
  });

  it("leaves out an attribute that the instance does not have, and never calls it false", async () => {
    seed({ externalId: key });
    const store = tampered((body, path) => {
      if (path.includes("resourceType")) delete (body.content as Record<string, unknown>).ccpaOptOut;
      else delete body.ccpaOptOut;
    });

    const read = await store.read(byUri, key, soon());

    expect(read?.has("ccpa")).toBe(false);
    expect(read?.size).toBe(7);
  });

  it.each([
    ["a value that is neither true nor false", { blackListEmail: "no" }],
    ["a time that is none", { blackListEmailLastModified: "yesterday" }],
  ])("refuses %s instead of taking it for an opt-in or for an old choice", async (_what, change) => {
    seed({ externalId: key });
    const store = tampered((body, path) => void (path.includes("resourceType") || Object.assign(body, change)));

    await expect(store.read(byUri, key, soon())).rejects.toThrow(MalformedError);
  });

  it("refuses a profile whose value is missing though the instance has the attribute", async () => {
    seed({ externalId: key });
    const store = tampered((body, path) => void (path.includes("resourceType") || delete body.blackListEmail));

    await expect(store.read(byUri, key, soon())).rejects.toThrow(MalformedError);
  });

  it("refuses the profile of somebody else", async () => {
    seed({ externalId: key });
    const store = tampered((body, path) => {
      if (!path.includes("resourceType")) body.externalId = recordId(2);
    });

    await expect(store.read(byUri, key, soon())).rejects.toThrow("Campaign answered another");
  });

  it("says that there is no such resource when its API is not published", async () => {
    core.command?.("settings", { extApiPublished: false });

    await expect(optOuts.read(byUri, key, soon())).rejects.toThrow(TableError);
  });
});

describe("writing opt-outs to a profile", () => {
  it.each(["blackList", "denyList"])(
    "changes these attributes alone where they are called %s…",
    async (optOutNames) => {
      core.command?.("settings", { optOutNames });
      seed({ externalId: key, lastName: "Lee", [`${optOutNames}Fax`]: true });

      await optOuts.write(byUri, key, values(["email", true], ["fax", false], ["ccpa", true], ["any", true]), soon());

      expect(profile()).toMatchObject({
        lastName: "Lee",
        [optOutNames]: true,
        [`${optOutNames}Email`]: true,
        [`${optOutNames}Fax`]: false,
        [`${optOutNames}Phone`]: false,
        ccpaOptOut: true,
      });
    },
  );

  it.each<[string, CompiledMapping, number]>([
    ["one call with the key in the URI", byUri, 1],
    ["two calls through a filter", byFilter, 2],
    ["none for nothing", byUri, 0],
  ])("costs %s", async (_what, mapping, expected) => {
    seed({ externalId: key });
    await optOuts.read(mapping, key, soon());
    const news = expected === 0 ? values() : values(["email", true]);

    expect(await callsOf(() => optOuts.write(mapping, key, news, soon()))).toBe(expected);
  });

  it.each<[string, CompiledMapping]>([
    ["in the URI", byUri],
    ["through a filter", byFilter],
  ])("says that the profile is missing, with the key %s", async (_how, mapping) => {
    await expect(optOuts.write(mapping, key, values(["email", true]), soon())).rejects.toThrow(MissingError);
  });

  it("never writes to the profile of somebody else that a filter has found", async () => {
    seed({ externalId: recordId(2) });
    const writes: string[] = [];
    const client = coreCampaign(core, clock);
    const store = storeOf({
      ...client,
      call(call) {
        if (call.method === "PATCH") writes.push(String(call.path));
        // A filter that takes no notice of its parameter.
        const path = String(call.path).replace(/byExternalId\?.*/, "");
        return client.call({ ...call, path });
      },
    });

    await expect(store.write(byFilter, key, values(["email", true]), soon())).rejects.toThrow(MalformedError);

    expect(writes).toEqual([]);
  });

  it("refuses an attribute that the instance lacks, by name, before anything is written", async () => {
    seed({ externalId: key });
    const store = tampered((body, path) => {
      if (path.includes("resourceType")) delete (body.content as Record<string, unknown>).ccpaOptOut;
    });

    const refused = store.write(byUri, key, values(["email", true], ["ccpa", true]), soon());

    await expect(refused).rejects.toThrow("no opt-out ccpa in profile");
    await expect(refused).rejects.toThrow(RefusedError);
    expect(profile()).toMatchObject({ blackListEmail: false });
  });

  it("says that the call may take effect once more when its first answer was lost", async () => {
    seed({ externalId: key });
    let lost = 0;
    const http = lossyHttp({ [campaignHost]: core }, clock, ({ method }) => {
      if (method !== "PATCH" || lost > 0) return false;
      lost += 1;
      return true;
    });

    const carried = await storeOf(campaignClientOf(http, clock)).write(byUri, key, values(["email", true]), soon());

    expect(carried.mayEcho).toBe(true);
    expect(profile()).toMatchObject({ blackListEmail: true });
  });

  it("says that it may have been carried out when no answer came in time", async () => {
    seed({ externalId: key });
    const http = lossyHttp({ [campaignHost]: core }, clock, ({ method }) => method === "PATCH");
    const store = storeOf(campaignClientOf(http, clock));

    const unanswered = store.write(byUri, key, values(["email", true]), soon());

    await expect(unanswered).rejects.toMatchObject({ kind: "unavailable", maybeApplied: true });
  });

  it("sends nothing after the deadline", async () => {
    seed({ externalId: key });
    await optOuts.read(byUri, key, soon());

    const late = optOuts.write(byUri, key, values(["email", true]), clock.now());

    await expect(late).rejects.toThrow(UnavailableError);
    expect(profile()).toMatchObject({ blackListEmail: false });
  });
});

describe("opt-outs as fields of a new profile", () => {
  it("have the names of the instance, in whichever API the profile is", async () => {
    core.command?.("settings", { optOutNames: "denyList" });

    const fields = await optOuts.toFields(standardApi, values(["any", true], ["postalMail", false]));

    expect(fields).toEqual({ denyList: true, denyListPostalMail: false });
  });
});
