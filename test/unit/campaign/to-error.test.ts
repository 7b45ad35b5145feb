import { describe, expect, it } from "vitest";
import { isEngineVerdict, toCampaignError } from "../../../shared/campaign/to-error.js";
import { errorKind } from "../../../shared/errors.js";
import type { HttpResponse } from "../../../shared/http/client.js";

function answer(status: number, text: string): HttpResponse {
  return { status, headers: {}, text, attempts: 1, elapsedMs: 1, mayEcho: false };
}

// Texts of facts/campaign.md §2.4 and §3.3.
const duplicate =
  "A 'Service' with the same key 'SVC4' already exists. PGS-220000 PostgreSQL error: ERROR:  duplicate key value violates unique constraint";
const rawKeyMissing =
  "RST-360011 An error has occurred - please contact your administrator. Unable to find document with path 'Service' from key 'adobe_nl:0'";
const badPKey =
  "'O5iRp40EGA' attribute unknown (see definition of 'Profiles (nms:recipient)' schema). XTK-170036 Unable to parse expression '@id = @O5iRp40EGA'.";
const badEnum =
  "RST-360011 An error has occurred. The value 'Ann Lee' is not valid for the 'nms:recipient:gender' enumeration of the '@gender' field";

describe("toCampaignError", () => {
  it.each([
    ["a duplicate key", 500, duplicate, "conflict"],
    ["a raw key that is not there", 404, rawKeyMissing, "missing"],
    ["an unknown PKey", 500, badPKey, "missing"],
    ["an unknown PKey in v8", 404, "Unable to decrypt PKey. (PKey=@abc)", "missing"],
    ["a bad enumeration value", 500, badEnum, "refused"],
    ["an unknown property", 500, "'colour' property is not valid for the 'profile' resource.", "refused"],
    ["a read-only property", 500, "Cannot update the 'age' property that is read-only", "refused"],
    ["an expression it cannot parse", 500, "XTK-170006 Unable to parse expression '@lastModified = 31/01'.", "refused"],
    ["a key that may not change", 500, "RST-360012 Inconsistent operation on resource 'service'", "refused"],
    ["an expired token", 401, '{"error_code":"401013","message":"Oauth token is not valid"}', "auth"],
    ["another organisation", 403, '{"error_code":"403023","message":"Profile is not valid"}', "auth"],
    ["the gateway's Oops", 500, '{"code":500,"message":"Oops. Something went wrong."}', "unavailable"],
    ["an address nobody knows", 404, "Not found", "table"],
  ])("takes %s by its text", (_what, status, text, kind) => {
    expect(errorKind(toCampaignError("update profile", answer(status, text)))).toBe(kind);
  });

  it("reads the text inside either JSON envelope too", () => {
    const inJson = JSON.stringify({ error_code: "RST-360011", message: badEnum });

    expect(errorKind(toCampaignError("update profile", answer(500, inJson)))).toBe("refused");
  });

  it("names the field and passes on no value", () => {
    const error = toCampaignError("update profile", answer(500, badEnum));

    expect(error.message).toContain("gender");
    expect(JSON.stringify([error.message, error.context])).not.toContain("Ann");
  });
});

describe("isEngineVerdict", () => {
  it("tells the engine's word about the data from a server that is unwell, though both are 500", () => {
    expect(isEngineVerdict(answer(500, duplicate))).toBe(true);
    expect(isEngineVerdict(answer(500, "Oops. Something went wrong. Check your URI and try again."))).toBe(false);
  });
});
