// facts/dataverse.md §12: token endpoint, 401 and 403, WhoAmI, service document.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WELL_KNOWN } from "../../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../../infra/local/dataverse/options.js";
import { askToken, credentials, type Dataverse, startDataverse } from "./simulator.js";

let dataverse: Dataverse;
beforeAll(async () => {
  dataverse = await startDataverse();
});
afterAll(() => dataverse.close());

const whoAmI = (token: string) => dataverse.call("GET", "WhoAmI", undefined, { authorization: `Bearer ${token}` });

describe("the token endpoint (§12)", () => {
  it("answers client credentials with a bearer token and its lifetime", async () => {
    const response = await askToken(dataverse.url, credentials(dataverse.url, LOCAL_APPS.integration));
    const body = await response.json();

    expect(response.status).toBe(200);
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 3599, ext_expires_in: 3599 });
    expect((body as { access_token: string }).access_token).toMatch(/^eyJ/);
  });

  it.each([
    { change: { client_secret: "wrong" }, status: 401, error: "invalid_client", code: 7000215 },
    { change: { client_id: "nobody" }, status: 401, error: "invalid_client", code: 700016 },
    { change: { grant_type: "password" }, status: 400, error: "unsupported_grant_type", code: 70003 },
    { change: { scope: "openid" }, status: 400, error: "invalid_scope", code: 1002012 },
  ])("refuses $change with $status $error", async ({ change, status, error, code }) => {
    const response = await askToken(dataverse.url, {
      ...credentials(dataverse.url, LOCAL_APPS.integration),
      ...change,
    });

    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error, error_codes: [code] });
  });

  it("takes each of an application's secrets until it is withdrawn, and what was given out for one stays good", async () => {
    const ask = async (secret: string) =>
      askToken(dataverse.url, { ...credentials(dataverse.url, LOCAL_APPS.stranger), client_secret: secret });
    const setSecrets = (secrets: string[]) =>
      dataverse.sim("secrets", { clientId: LOCAL_APPS.stranger.clientId, secrets });
    await setSecrets(["first", "second"]);
    const both = [await ask("first"), await ask("second"), await ask(LOCAL_APPS.stranger.clientSecret)];

    await setSecrets(["second"]);

    expect(both.map(({ status }) => status)).toEqual([200, 200, 401]);
    expect([(await ask("first")).status, (await ask("second")).status]).toEqual([401, 200]);
    await setSecrets([LOCAL_APPS.stranger.clientSecret]);
  });

  it("says with 501 that it does not imitate client assertions", async () => {
    const response = await askToken(dataverse.url, {
      ...credentials(dataverse.url, LOCAL_APPS.integration),
      client_assertion: "x",
    });

    expect(response.status).toBe(501);
  });
});

describe("a caller of the Web API (§12)", () => {
  it("is told who it is and where", async () => {
    const answer = await dataverse.get("WhoAmI");

    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      "@odata.context": `${dataverse.api}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse`,
      BusinessUnitId: WELL_KNOWN.businessUnit,
      UserId: WELL_KNOWN.integrationUser,
      OrganizationId: WELL_KNOWN.organization,
    });
  });

  it.each(["", "Bearer ", "Bearer nonsense", "Bearer a.b.c", "Basic abc"])(
    "without a valid token (%j) gets 401 with the tenant in WWW-Authenticate and no JSON",
    async (authorization) => {
      const answer = await dataverse.call("GET", "WhoAmI", undefined, { authorization });

      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toContain(
        `authorization_uri=https://login.microsoftonline.com/${WELL_KNOWN.tenant}/oauth2/authorize`,
      );
      expect(answer.text).toBe("");
    },
  );

  it("with a token of another environment gets 401", async () => {
    const response = await askToken(dataverse.url, credentials("http://other.example.com", LOCAL_APPS.integration));
    const { access_token } = (await response.json()) as { access_token: string };

    expect((await whoAmI(access_token)).status).toBe(401);
  });

  it.each(["no application user", "another tenant"])("with %s gets 403 0x80072560", async (which) => {
    const app = which === "another tenant" ? LOCAL_APPS.integration : LOCAL_APPS.stranger;
    const tenant = which === "another tenant" ? "70000000-0000-4000-a000-000000000099" : WELL_KNOWN.tenant;
    const response = await askToken(dataverse.url, credentials(dataverse.url, app), tenant);
    const { access_token } = (await response.json()) as { access_token: string };

    const answer = await whoAmI(access_token);

    expect(answer.status).toBe(403);
    expect(answer.json.error).toEqual({ code: "0x80072560", message: "The user is not a member of the organization." });
  });

  it("gets 403 once its application user is disabled", async () => {
    const other = await startDataverse();
    await other.call("PATCH", `systemusers(${WELL_KNOWN.editorUser})`, { isdisabled: true });
    const token = await other.tokenOf("editor");

    const answer = await other.call("GET", "WhoAmI", undefined, { authorization: `Bearer ${token}` });

    expect(answer.status).toBe(403);
    expect(answer.json.error.code).toBe("0x80040225");
    await other.close();
  });

  it("gets 401 when its token has expired or was revoked, and 200 with a fresh one", async () => {
    const other = await startDataverse({ switches: { tokenLifetimeSeconds: 1 } });
    const ask = async (token: string) =>
      (await other.call("GET", "WhoAmI", undefined, { authorization: `Bearer ${token}` })).status;
    const old = await other.tokenOf("editor");
    const beforeExpiry = await ask(old);
    await other.sim("clock", { skewMs: 2000 });
    const expired = await ask(old);
    const fresh = await other.tokenOf("editor");
    const afterRefresh = await ask(fresh);
    await other.sim("revoke-tokens", {});
    const revoked = await ask(fresh);
    const afterRevocation = await ask(await other.tokenOf("editor"));
    await other.close();

    expect({ beforeExpiry, expired, afterRefresh, revoked, afterRevocation }).toEqual({
      beforeExpiry: 200,
      expired: 401,
      afterRefresh: 200,
      revoked: 401,
      afterRevocation: 200,
    });
  });

  it("finds the sets in the service document", async () => {
    const answer = await dataverse.get("");

    expect(answer.json.value).toContainEqual({ name: "contacts", kind: "EntitySet", url: "contacts" });
  });
});
