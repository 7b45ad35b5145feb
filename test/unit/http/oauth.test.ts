import { describe, expect, it } from "vitest";
import { AuthError, UnavailableError } from "../../../shared/errors.js";
import { makeHttpClient } from "../../../shared/http/client.js";
import { fetchToken } from "../../../shared/http/oauth.js";
import { fixedClock } from "../../support/fixed-clock.js";

/** What becomes of a token request that is answered so. */
async function outcome(status: number, text: string): Promise<unknown> {
  const clock = fixedClock("2026-03-01T00:00:00Z");
  const http = makeHttpClient({ clock, random: () => 0, transport: async () => ({ status, headers: {}, text }) });
  const request = {
    ...{ system: "entra" as const, url: new URL("https://login.microsoftonline.com/t/oauth2/v2.0/token") },
    ...{ clientId: "client", clientSecret: "planted", scope: "scope", settings: "DYNAMICS_CLIENT_SECRET" },
  };
  return fetchToken(http, clock, request).catch((error: unknown) => error);
}

describe("a token request", () => {
  it.each([
    [
      "Entra's own code: a secret that ended is no wrong one",
      {
        error: "invalid_client",
        error_description: "AADSTS7000222: The provided client secret keys for app 'x' are expired.",
      },
      "(status 401, AADSTS7000222)",
    ],
    ["the OAuth error where there is nothing better", { error: "invalid_client" }, "(status 401, invalid_client)"],
    ["the status alone where the answer is in no known words", { error: "see <b>planted</b>" }, "(status 401):"],
    ["the status alone where it is no JSON", "<html>planted</html>", "(status 401):"],
  ])("that is refused says which setting to look at, and why with %s", async (_, body, said) => {
    const refused = await outcome(401, typeof body === "string" ? body : JSON.stringify(body));

    expect(refused).toBeInstanceOf(AuthError);
    expect((refused as AuthError).message).toContain(said);
    expect((refused as AuthError).message).toContain("DYNAMICS_CLIENT_SECRET");
    expect((refused as AuthError).message).not.toContain("planted");
  });

  it("that meets a sick server is not taken for refused credentials", async () => {
    expect(await outcome(500, "{}")).toBeInstanceOf(UnavailableError);
  });
});
