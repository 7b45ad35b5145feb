import { describe, expect, it } from "vitest";
import { profiles, useCampaign } from "./support.js";

const campaign = useCampaign();
const services = "profileAndServices/service";
const contact = "An error has occurred - please contact your administrator.";

describe("texts of the engine's errors (facts/campaign.md §3.3)", () => {
  it("answers 500 XTK-170036 to an encrypted PKey in the URI that this instance never gave out", async () => {
    const answer = await campaign.get(`${profiles}/@O5iRp40EGA`);

    expect(answer.status).toBe(500);
    expect(answer.body.message.split("\n")).toEqual([
      "'O5iRp40EGA' attribute unknown (see definition of 'Profiles (nms:recipient)' schema).",
      "XTK-170036 Unable to parse expression '@id = @O5iRp40EGA'.",
    ]);
  });

  it("answers the same to a PKey in the URI that belongs to another resource", async () => {
    const { PKey } = (await campaign.post(services, { name: "SVC1" })).body;

    const answer = await campaign.get(`${profiles}/${PKey}`);

    expect(answer.status).toBe(500);
    expect(answer.body.message).toContain("XTK-170036");
  });

  it("answers the same to a PKey with one character changed", async () => {
    const { PKey } = (await campaign.post(profiles, {})).body;
    const changed = `${PKey.slice(0, 20)}${PKey[20] === "A" ? "B" : "A"}${PKey.slice(21)}`;

    expect((await campaign.get(`${profiles}/${changed}`)).body.message).toContain("XTK-170036");
  });

  it("answers 500 XTK-170036 to an unknown encrypted PKey in the body", async () => {
    const { PKey } = (await campaign.post(profiles, {})).body;

    const answer = await campaign.patch(`${profiles}/${PKey}`, { orgUnit: { PKey: "@garbage" } });

    expect(answer.status).toBe(500);
    expect(answer.body.message).toContain(
      "'garbage' attribute unknown (see definition of 'Organizational units (xtk:orgUnit)' schema)",
    );
  });

  it("answers 404 RST-360011 with resource and key to a raw key that does not exist", async () => {
    const answer = await campaign.get(`${services}/adobe_nl`);

    expect(answer.status).toBe(404);
    expect(answer.body).toEqual({
      error_code: "RST-360011",
      message: `RST-360011 ${contact}\nUnable to find document with path 'Service' from key 'adobe_nl:0' (document with schema 'service' and name 'adobe_nl')`,
    });
  });

  it.each(["GET", "PATCH", "DELETE"])("answers 404 to %s with a custom key that no profile has", async (method) => {
    const answer = await campaign.send(
      method,
      `${profiles}/nobody`,
      method === "PATCH" ? { lastName: "Lee" } : undefined,
    );

    expect(answer.status).toBe(404);
    expect(answer.body.message).toContain("Unable to find document with path 'Profile' from key 'nobody:0'");
  });

  it("answers 404 to a raw key in the body that does not exist", async () => {
    const answer = await campaign.post(profiles, { orgUnit: { PKey: "nowhere" } });

    expect(answer.status).toBe(404);
    expect(answer.body.message).toContain("from key 'nowhere:0'");
  });

  it("answers 500 RST-360012 when URI and body carry two different raw keys", async () => {
    await campaign.post(services, { name: "SVC3" });

    const answer = await campaign.patch(`${services}/SVC3`, { name: "SVC4" });

    expect(answer.status).toBe(500);
    expect(answer.body.message).toBe(
      `RST-360011 ${contact}\nRST-360012 Inconsistent operation on resource 'service' – Cannot update key 'SVC3' to 'SVC4'.`,
    );
  });

  it("answers 500 PGS-220000 to a PATCH that gives a service the key of another one", async () => {
    const { PKey } = (await campaign.post(services, { name: "SVC3" })).body;
    await campaign.post(services, { name: "SVC4" });

    const answer = await campaign.patch(`${services}/${PKey}`, { name: "SVC4" });

    expect(answer.status).toBe(500);
    expect(answer.body.message.split("\n")[0]).toBe("A 'Service' with the same key 'SVC4' already exists.");
    expect(answer.body.message).toContain(
      'PGS-220000 PostgreSQL error: ERROR:  duplicate key value violates unique constraint "nmsservice_name"',
    );
    expect(answer.body.message).toContain("DETAIL:  Key (sname)=(SVC4) already exists.");
  });

  it("answers 500 duplicate key to a POST of a second profile with the same key", async () => {
    await campaign.post(profiles, { externalId: "k1" });

    const answer = await campaign.post(profiles, { externalId: "k1" });

    expect(answer.status).toBe(500);
    expect(answer.body.message).toContain("A 'Profile' with the same key 'k1' already exists.");
    expect((await campaign.get(profiles)).body.content).toHaveLength(1);
  });

  it.each([
    "age",
    "acsIdentifier",
    "domain",
    "created",
    "lastModified",
    "cryptedId",
    "title",
    "isExternal",
    "postalAddress",
    "blackListEmailLastModified",
    "PKey",
    "href",
  ])("refuses a POST that sets %s", async (name) => {
    const answer = await campaign.post(profiles, { lastName: "Lee", [name]: "x" });

    expect(answer.status).toBe(500);
    expect(answer.body.message).toMatch(
      new RegExp(
        `Cannot update the '${name}' property that is read-only|'${name}' property is not valid for the 'profile' resource.`,
      ),
    );
  });

  it("answers 500 with the read-only text to a PATCH of age", async () => {
    await campaign.post(profiles, { externalId: "k1" });

    const answer = await campaign.patch(`${profiles}/k1`, { age: 40 });

    expect([answer.status, answer.body.message]).toEqual([500, "Cannot update the 'age' property that is read-only"]);
  });

  it("answers 500 with the property's and the resource's name to an unknown property", async () => {
    const answer = await campaign.post(profiles, { cusBrand: "x" });

    expect([answer.status, answer.body.message]).toEqual([
      500,
      "'cusBrand' property is not valid for the 'profile' resource.",
    ]);
  });

  it("answers the same to an unknown property of a nested item", async () => {
    const answer = await campaign.post(profiles, { location: { town: "Lyon" } });

    expect(answer.body.message).toBe("'town' property is not valid for the 'profile' resource.");
  });

  it("answers 500 with value, enumeration and field to a value that an enumeration does not have", async () => {
    const answer = await campaign.post(profiles, { gender: "invalid" });

    expect(answer.status).toBe(500);
    expect(answer.body.message).toBe(
      `RST-360011 ${contact}\nThe value 'invalid' is not valid for the 'nms:recipient:gender' enumeration of the '@gender' field`,
    );
  });

  it("does not take an enumeration's number for its name", async () => {
    expect((await campaign.post(profiles, { gender: 2 })).status).toBe(500);
  });

  it.each([
    ["not JSON", "{"],
    ["an array", "[]"],
    ["a text", '"x"'],
  ])("refuses a body that is %s", async (_, body) => {
    const answer = await campaign.post(profiles, body);

    expect(answer.status).toBe(500);
    expect(answer.body.message).toContain("JSON");
  });

  it("names resource and API when the API does not show the resource", async () => {
    const answer = await campaign.get("customResources/profile");

    expect(answer.status).toBe(404);
    expect(answer.body.message).toContain("'profile' resource is not available in the 'customResources' API.");
  });
});

describe("envelope of the engine's errors (unconfirmed, facts/campaign.md §3.3)", () => {
  it("is JSON with the first code as error_code while the switch says json", async () => {
    const answer = await campaign.get(`${services}/nothing`);

    expect(answer.headers.get("content-type")).toContain("application/json");
    expect(Object.keys(answer.body)).toEqual(["error_code", "message"]);
  });

  it("has the status as error_code when no code begins the message", async () => {
    const answer = await campaign.post(profiles, { nonsense: 1 });

    expect(answer.body.error_code).toBe("500");
  });

  it("is the bare lines while the switch says text", async () => {
    await campaign.sim("settings", { errorEnvelope: "text" });

    const answer = await campaign.post(profiles, { nonsense: 1 });

    expect(answer.headers.get("content-type")).toContain("text/plain");
    expect([answer.status, answer.text]).toEqual([500, "'nonsense' property is not valid for the 'profile' resource."]);
  });
});
