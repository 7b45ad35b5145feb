import { describe, expect, it } from "vitest";
import { type Answer, fetchAnswer, fetchToken, profiles, useCampaign } from "./support.js";

const campaign = useCampaign();

const goodForm = {
  grant_type: "client_credentials",
  client_id: "local-client",
  client_secret: "local-secret",
  scope: "openid,AdobeID,campaign_sdk",
};

function askToken(form: Record<string, string>, query = ""): Promise<Answer> {
  return fetchAnswer(`${campaign.url}/ims/token/v3${query}`, { method: "POST", body: new URLSearchParams(form) });
}

function call(headers: Record<string, string>, organization = "acme"): Promise<Answer> {
  return fetchAnswer(`${campaign.url}/${organization}/campaign/${profiles}`, { headers });
}

describe("IMS token (facts/campaign.md §2.1)", () => {
  it("answers a bearer token with its lifetime in seconds to client credentials in a form", async () => {
    const answer = await askToken(goodForm);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      access_token: expect.stringMatching(/^eyJ/),
      token_type: "bearer",
      expires_in: 86_399,
    });
  });

  it("takes the client id from the query when it is not in the body", async () => {
    const { client_id, ...rest } = goodForm;

    const answer = await askToken(rest, `?client_id=${client_id}`);

    expect(answer.status).toBe(200);
  });

  it("tolerates spaces after the commas of the scope", async () => {
    const answer = await askToken({ ...goodForm, scope: "openid, AdobeID, campaign_sdk" });

    expect(answer.status).toBe(200);
  });

  it("answers 400 with the observed description to an unknown client id", async () => {
    const answer = await askToken({ ...goodForm, client_id: "nobody" });

    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: "invalid_client", error_description: "invalid client_id parameter" });
  });

  it.each([
    ["a wrong secret", { ...goodForm, client_secret: "wrong" }],
    ["another grant type", { ...goodForm, grant_type: "password" }],
    ["no scope", { ...goodForm, scope: "" }],
  ])("answers 400 with error and description to %s", async (_, form) => {
    const answer = await askToken(form);

    expect(answer.status).toBe(400);
    expect(Object.keys(answer.body)).toEqual(["error", "error_description"]);
  });

  it("takes each of a client's secrets until it is withdrawn, and what was given out for one stays good", async () => {
    const clients = (...secrets: string[]) => ({
      clients: secrets.map((clientSecret) => ({ clientId: "local-client", clientSecret })),
    });
    await campaign.sim("settings", clients("local-secret", "second"));
    const old = await fetchToken(campaign.url, "local-client", "local-secret");
    const fresh = await fetchToken(campaign.url, "local-client", "second");

    await campaign.sim("settings", clients("second"));

    const statusOf = async (token: string) =>
      (await call({ authorization: `Bearer ${token}`, "x-api-key": "local-client" })).status;
    expect([await statusOf(old), await statusOf(fresh)]).toEqual([200, 200]);
    expect(await fetchToken(campaign.url, "local-client", "local-secret")).toBeUndefined();
  });

  it("gives every request another token, all of them valid", async () => {
    const tokens = [await fetchToken(campaign.url), await fetchToken(campaign.url)];

    const answers = await Promise.all(
      tokens.map((token) => call({ authorization: `Bearer ${token}`, "x-api-key": "local-client" })),
    );

    expect(tokens[0]).not.toBe(tokens[1]);
    expect(answers.map((answer) => answer.status)).toEqual([200, 200]);
  });
});

describe("gateway errors (facts/campaign.md §2.4)", () => {
  const invalidToken = { error_code: "401013", message: "Oauth token is not valid" };

  it.each([
    ["no token", {}],
    ["a garbage token", { authorization: "Bearer eyJx.y.z" }],
    ["something that is not a bearer token", { authorization: "Basic abc" }],
  ])("answers 401013 to %s", async (_, headers) => {
    const answer = await call({ "x-api-key": "local-client", ...headers });

    expect(answer.status).toBe(401);
    expect(answer.body).toEqual(invalidToken);
  });

  it("answers 401013 once a token's configured lifetime is over, and not before", async () => {
    await campaign.sim("settings", { tokenLifetimeS: 60 });
    const token = await fetchToken(campaign.url);
    const headers = { authorization: `Bearer ${token}`, "x-api-key": "local-client" };

    await campaign.sim("clock", { skewMs: 55_000 });
    const before = await call(headers);
    await campaign.sim("clock", { skewMs: 61_000 });
    const after = await call(headers);

    expect([before.status, after.status]).toEqual([200, 401]);
    expect(after.body).toEqual(invalidToken);
  });

  it("answers 401013 to tokens issued before a revocation and accepts those issued after it", async () => {
    const old = await fetchToken(campaign.url);

    await campaign.sim("revoke-tokens", {});
    const fresh = await fetchToken(campaign.url);
    const [first, second] = await Promise.all(
      [old, fresh].map((token) => call({ authorization: `Bearer ${token}`, "x-api-key": "local-client" })),
    );

    expect([first?.status, second?.status]).toEqual([401, 200]);
  });

  it("answers 403003 when the API key is not a known client", async () => {
    const answer = await campaign.send("GET", profiles, undefined, { "x-api-key": "someone-else" });

    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({ error_code: "403003", message: "Api Key is invalid" });
  });

  it("answers 403003 when the API key is another client than the token's", async () => {
    await campaign.sim("settings", {
      clients: [
        { clientId: "local-client", clientSecret: "local-secret" },
        { clientId: "second-client", clientSecret: "second-secret" },
      ],
    });

    const answer = await campaign.send("GET", profiles, undefined, { "x-api-key": "second-client" });

    expect(answer.body.error_code).toBe("403003");
  });

  it("answers 403000 when there is no API key", async () => {
    const token = await fetchToken(campaign.url);

    const answer = await call({ authorization: `Bearer ${token}` });

    expect(answer.status).toBe(403);
    expect(answer.body.error_code).toBe("403000");
  });

  it("answers 403023 for an organization that exists but is somebody else's", async () => {
    const answer = await campaign.get(`${campaign.url}/globex/campaign/${profiles}`);

    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({ error_code: "403023", message: "Profile is not valid" });
  });

  it("answers 500 Oops in the other envelope for an organization that does not exist", async () => {
    const answer = await campaign.get(`${campaign.url}/nowhere/campaign/${profiles}`);

    expect(answer.status).toBe(500);
    expect(answer.body).toEqual({
      code: 500,
      message: "Oops. Something went wrong. Check your URI and try again.",
    });
  });

  it("answers 500 Oops for a product that is not campaign", async () => {
    const answer = await campaign.get(`${campaign.url}/acme/campagne/${profiles}`);

    expect([answer.status, answer.body.code]).toEqual([500, 500]);
  });

  it("answers 502 Oops for an organization whose route is not set up", async () => {
    const answer = await campaign.get(`${campaign.url}/initech/campaign/${profiles}`);

    expect([answer.status, answer.body.code]).toEqual([502, 502]);
  });

  it("takes an organization with dots as one opaque segment", async () => {
    await campaign.sim("settings", { organization: "name-230217.campaign-demo.example.com" });

    const answer = await campaign.get(`${campaign.url}/name-230217.campaign-demo.example.com/campaign/${profiles}`);

    expect(answer.status).toBe(200);
  });

  it("answers 429050 beyond the configured rate, with Retry-After while the switch is on", async () => {
    await campaign.sim("settings", { rateLimit: { requests: 2, windowMs: 5_000 } });

    const statuses = [(await campaign.get(profiles)).status, (await campaign.get(profiles)).status];
    const third = await campaign.get(profiles);

    expect(statuses).toEqual([200, 200]);
    expect(third.status).toBe(429);
    expect(third.body).toEqual({ error_code: "429050", message: "Too many requests" });
    expect(Number(third.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it("answers 429 without Retry-After while the switch is off", async () => {
    await campaign.sim("settings", { rateLimit: { requests: 1, windowMs: 5_000 }, retryAfter: false });

    await campaign.get(profiles);
    const second = await campaign.get(profiles);

    expect([second.status, second.headers.get("retry-after")]).toEqual([429, null]);
  });

  it("lets requests through again when the window is over, and counts the breaches", async () => {
    await campaign.sim("settings", { rateLimit: { requests: 1, windowMs: 5_000 } });
    await campaign.get(profiles);
    await campaign.get(profiles);

    await campaign.sim("clock", { skewMs: 6_000 });
    const later = await campaign.get(profiles);

    expect(later.status).toBe(200);
    expect((await campaign.sim("state/summary")).body.throttled).toBe(1);
  });

  it("answers 502 during the daily restart and serves again after it", async () => {
    await campaign.sim("settings", { dailyRestart: { atUtc: "06:00", minutes: 2 } });
    const sixOClock = (Math.floor(Date.now() / 86_400_000) * 24 + 6) * 3_600_000;

    await campaign.sim("clock", { skewMs: sixOClock + 60_000 - Date.now() });
    const during = await campaign.get(profiles);
    await campaign.sim("clock", { skewMs: sixOClock + 180_000 - Date.now() });
    const token = await fetchToken(campaign.url);
    const after = await call({ authorization: `Bearer ${token}`, "x-api-key": "local-client" });

    expect([during.status, after.status]).toEqual([502, 200]);
  });
});

describe("what is not imitated", () => {
  it.each(["privacy/privacyTool", "mcacme/EVTorder", "something/else"])(
    "answers 501 naming %s instead of a made-up success",
    async (path) => {
      const answer = await campaign.get(path);

      expect(answer.status).toBe(501);
      expect(answer.body.message).toContain(`'${path.split("/")[0]}'`);
    },
  );

  it("survives a path that is not valid percent-encoding", async () => {
    const answer = await campaign.get(`${campaign.url}/acme/campaign/profileAndServices/profile/%E0%A4%A`);

    expect(answer.status).toBe(500);
    expect((await campaign.get(profiles)).status).toBe(200);
  });
});
