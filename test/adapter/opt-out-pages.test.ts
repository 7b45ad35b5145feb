import { beforeEach, describe, expect, it } from "vitest";
import { makeOptOutPages } from "../../shared/campaign/opt-out-pages.js";
import { MalformedError, TableError } from "../../shared/errors.js";
import type { OptOutPage } from "../../shared/flows/reconcile-ports.js";
import { type CampaignEvents, makeCampaignEvents } from "../support/campaign-events.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";
import { recordId } from "../support/samples.js";

const mapping = compiled(
  aMappingDocument(undefined, {
    columns: { contactid: "id", lastname: "string", donotemail: "boolean", donotfax: "boolean" },
    optOuts: { direction: "both", attributes: { email: "donotemail", fax: "donotfax" } },
  }),
);

let campaign: CampaignEvents;

beforeEach(() => {
  campaign = makeCampaignEvents();
});

const run = (name: string, body: unknown): unknown => campaign.core.command?.(name, body);
const seed = (...records: Record<string, unknown>[]) => run("seed", { resource: "profile", records });

async function pagesOf(size: number): Promise<OptOutPage[]> {
  const { client, clock } = campaign;
  const reader = makeOptOutPages(client, clock, 4_000);
  const pages: OptOutPage[] = [];
  let cursor: string | undefined;
  do {
    const page = await reader.readPage(mapping, cursor, size, clock.now() + 4_000);
    pages.push(page);
    cursor = page.next;
  } while (cursor !== undefined);
  return pages;
}

describe("reading the opt-outs of all profiles", () => {
  it("shows values and times of every profile with a key, one call a page and one for the names", async () => {
    seed({ externalId: recordId(1) }, { lastName: "Own" }, { externalId: recordId(2) });
    campaign.clock.advance(1_234);
    run("edit", { resource: "profile", key: recordId(2), values: { blackListEmail: true } });

    const pages = await pagesOf(2);
    const profiles = pages.flatMap((page) => page.profiles);

    expect(profiles.map(({ key }) => key)).toEqual([recordId(1), recordId(2)]);
    expect(profiles[0]?.optOuts.get("email")).toEqual({ value: false });
    expect(profiles[1]?.optOuts.get("email")).toEqual({ value: true, at: campaign.clock.now() });
    expect(pages.map(({ withoutKey }) => withoutKey)).toEqual([1, 0]);
    expect(campaign.calls).toHaveLength(3);
  });

  it.each([3, 100_000])("reads a table to its end with a big-table threshold of %i", async (bigTableThreshold) => {
    run("settings", { bigTableThreshold });
    seed(...Array.from({ length: 7 }, (_, n) => ({ externalId: recordId(n) })));

    const pages = await pagesOf(3);

    expect(pages.map(({ profiles }) => profiles.length)).toEqual([3, 3, 1]);
  });

  it("counts profiles that show no readable value, and never takes them for opted in", async () => {
    seed({ externalId: recordId(1) }, { externalId: recordId(2) });
    campaign.tamper = (_path, { content = [] }) => {
      if (content[0]) delete content[0].blackListFax;
    };

    const [page] = await pagesOf(10);

    expect(page).toMatchObject({ malformed: 1, withoutKey: 0 });
    expect(page?.profiles.map(({ key }) => key)).toEqual([recordId(2)]);
  });

  it("says which mapped attributes the instance does not have", async () => {
    seed({ externalId: recordId(1) });
    campaign.tamper = (path, answer) => {
      if (!path.includes("resourceType")) return;
      const fields = (answer as unknown as { content: Record<string, unknown> }).content;
      for (const name of ["blackListFax", "blackListFaxLastModified"]) delete fields[name];
    };

    const [page] = await pagesOf(10);

    expect(page?.missing).toEqual(["fax"]);
    expect(page?.profiles[0]?.optOuts.has("fax")).toBe(false);
  });

  it("does not take a resource that is not there for one without profiles", async () => {
    const { client, clock } = campaign;
    const nowhere = compiled(
      aMappingDocument([aField()], { resource: { api: "customResources", name: "cusNothing" } }),
    );
    const reader = makeOptOutPages(client, clock, 4_000);

    await expect(reader.readPage(nowhere, undefined, 10, clock.now() + 4_000)).rejects.toThrow(TableError);
  });

  it("says that the list is not complete when Campaign withholds the rest", async () => {
    seed({ externalId: recordId(1) });
    campaign.tamper = (path, answer) => {
      if (!path.includes("resourceType")) answer.serverSidePagination = false;
    };

    await expect(pagesOf(1)).rejects.toThrow(MalformedError);
  });
});
