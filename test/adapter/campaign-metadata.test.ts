import { beforeEach, describe, expect, it } from "vitest";
import { makeCampaignCore } from "../../infra/local/campaign/core.js";
import { makeResourceMetadataSource } from "../../shared/campaign/metadata.js";
import type { ResourceMetadataSource } from "../../shared/flows/ports.js";
import { resourceWarnings } from "../../shared/mapping/against-resource.js";
import { shippedDocuments } from "../../shared/mapping/shipped.js";
import { examineMapping } from "../../shared/mapping/validate.js";
import { coreCampaign } from "../support/core-campaign.js";
import { coreWorld } from "../support/core-http.js";
import { fixedClock } from "../support/fixed-clock.js";

let metadata: ResourceMetadataSource;

beforeEach(() => {
  const clock = fixedClock("2026-03-01T00:00:00Z");
  const client = coreCampaign(makeCampaignCore(coreWorld(clock)), clock);
  metadata = makeResourceMetadataSource(client, clock, 4_000);
});

describe("what Campaign says of a resource", () => {
  it("names type, length and whether a field can be written, of nested items too", async () => {
    const fields = await metadata.fields({ api: "profileAndServicesExt", name: "profile" });

    expect(fields?.get("lastName")).toMatchObject({ type: "string", readOnly: false });
    expect(fields?.get("lastName")?.length).toBeGreaterThan(0);
    expect(fields?.get("gender")).toMatchObject({ type: "enumeration" });
    expect(fields?.get("location.city")).toMatchObject({ type: "string", readOnly: false });
    expect(fields?.get("birthDate")).toMatchObject({ type: "date" });
    expect(fields?.get("age")).toMatchObject({ readOnly: true });
  });

  it("knows a resource that does not exist from one that cannot be asked about", async () => {
    expect(await metadata.fields({ api: "profileAndServicesExt", name: "cusNothing" })).toBeUndefined();
  });

  it("agrees with the mapping that ships", async () => {
    const { mapping } = examineMapping(shippedDocuments[0]);
    if (!mapping) throw new Error("the shipped document has the wrong shape");

    expect(resourceWarnings(mapping, await metadata.fields(mapping.resource))).toEqual([]);
  });
});
