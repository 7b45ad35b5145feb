import { describe, expect, it } from "vitest";
import { useCampaign } from "./support.js";

const campaign = useCampaign();

type Field = Record<string, unknown>;
interface Metadata {
  [member: string]: unknown;
  content: Record<string, Field>;
  filters: { href: string };
}

async function metadata(path: string): Promise<Metadata> {
  const answer = await campaign.get(path);
  expect(answer.status, answer.text).toBe(200);
  return answer.body as unknown as Metadata;
}

const profile = (): Promise<Metadata> => metadata("profileAndServicesExt/resourceType/profile");

const members = [
  "PKey",
  "apiName",
  "category",
  "dataPolicy",
  "desc",
  "displayFormat",
  "help",
  "label",
  "lazyLoaded",
  "length",
  "mandatory",
  "metadata",
  "privacy",
  "queryable",
  "readOnly",
  "resName",
  "resType",
  "sortable",
  "type",
];

describe("metadata of a resource (facts/campaign.md §6)", () => {
  it("has the documented members at the top", async () => {
    const answer = await profile();

    expect(answer).toMatchObject({
      apiName: "resourceType",
      compatibleResources: {},
      data: "/profileAndServicesExt/profile/",
      help: "Identified profiles",
      label: "Profiles",
      mandatory: false,
      name: "profile",
      pkgStatus: "never",
      readOnly: false,
      schema: "nms:recipient",
      type: "item",
    });
    expect(answer.PKey).not.toMatch(/^@/);
  });

  it("gives every field the 19 members", async () => {
    const { content } = await profile();

    for (const [name, field] of Object.entries(content)) {
      expect(
        members.filter((member) => !(member in field)),
        name,
      ).toEqual([]);
    }
  });

  it("gives lengths as texts", async () => {
    const { content } = await profile();

    expect([content.email?.length, content.firstName?.length, content.externalId?.length]).toEqual([
      "128",
      "30",
      "100",
    ]);
  });

  it.each([
    ["email", { type: "string", resType: "string", dataPolicy: "email", sortable: true, readOnly: false }],
    ["age", { type: "number", resType: "long", readOnly: true, sortable: false }],
    ["blackListEmail", { type: "boolean", resType: "boolean", readOnly: false }],
    ["birthDate", { type: "date", resType: "date" }],
    ["lastModified", { type: "date", resType: "datetime", readOnly: true, sortable: true }],
    ["blackListEmailLastModified", { type: "date", resType: "datetime", readOnly: true }],
    ["gender", { type: "enumeration", resType: "byte" }],
    ["orgUnit", { type: "link", resType: "link", resTarget: "orgUnitBase", unbound: "false" }],
    ["subscriptions", { type: "collection", resType: "link", resTarget: "subscriptionRcp", unbound: "true" }],
    ["location", { type: "item" }],
    ["firstName", { dataPolicy: "smartCase" }],
  ])("describes %s", async (name, wanted) => {
    expect((await profile()).content[name]).toMatchObject(wanted);
  });

  it("lists the values of an enumeration by the names that the API takes", async () => {
    const { content } = await profile();

    expect(content.gender?.values).toMatchObject({
      unknown: { name: "unknown", value: "0" },
      male: { name: "male", value: "1" },
      female: { name: "female", value: "2" },
    });
  });

  it("lists the fields of a nested item with their lengths", async () => {
    const { content } = await profile();

    expect(content.location?.content).toMatchObject({ city: { type: "string", length: "80" } });
  });

  it("describes exactly the members that a record has", async () => {
    const { content } = await profile();
    const record = (await campaign.post("profileAndServicesExt/profile", { lastName: "Lee" })).body;

    expect(Object.keys(content).sort()).toEqual(Object.keys(record).sort());
  });

  it("is the same at the resource's own metadata address", async () => {
    expect(await metadata("profileAndServicesExt/profile/metadata")).toEqual(await profile());
  });

  it("leaves extensions out under profileAndServices", async () => {
    const { content, data } = await metadata("profileAndServices/resourceType/profile");

    expect(content).not.toHaveProperty("orgUnit");
    expect(data).toBe("/profileAndServices/profile/");
  });

  it("answers 404 for a resource that the API does not show", async () => {
    expect((await campaign.get("profileAndServices/resourceType/cusEmailEvent")).status).toBe(404);
  });
});

describe("filters of a resource (facts/campaign.md §5)", () => {
  it("are found at the metadata's address, keyed by the name that is called, with a template", async () => {
    const { filters } = await profile();

    const answer = await campaign.get(filters.href);

    expect(answer.body).toMatchObject({
      byText: {
        label: "By name or email",
        data: "/profileAndServicesExt/profile/byText?text=$value",
        formType: "none",
      },
      byExternalId: { data: "/profileAndServicesExt/profile/byExternalId?externalId_parameter=$value" },
      byModifiedSince: { data: "/profileAndServicesExt/profile/byModifiedSince?since_parameter=$value" },
    });
  });

  it("leave the customer's out under profileAndServices", async () => {
    const { filters } = await metadata("profileAndServices/resourceType/profile");

    expect(Object.keys((await campaign.get(filters.href)).body)).toEqual(["byText", "byEmail", "byKeysProfile"]);
  });
});

describe("root listing (facts/campaign.md §1)", () => {
  it("is keyed by resource, each with its data path and metadata address", async () => {
    const answer = await campaign.get("profileAndServicesExt/");

    expect(answer.body).toMatchObject({
      apiName: "resourceType",
      profile: { name: "profile", type: "collection", data: "/profileAndServicesExt/profile/" },
      cusEmailEvent: {
        help: "Email events",
        href: `${campaign.url}/acme/campaign/profileAndServicesExt/cusEmailEvent/metadata`,
      },
    });
  });

  it("shows no custom resource under profileAndServices", async () => {
    const answer = await campaign.get("profileAndServices");

    expect(Object.keys(answer.body)).toEqual(["apiName", "profile", "service"]);
  });
});
