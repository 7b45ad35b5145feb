import { describe, expect, it } from "vitest";
import { parseSameOriginLink } from "../../../shared/http/link.js";

const base = new URL("https://org.crm.test/api/data/v9.2/");

describe("parseSameOriginLink", () => {
  it.each([
    [
      "https://org.crm.test/api/data/v9.2/contacts?$skiptoken=a%20b",
      "https://org.crm.test/api/data/v9.2/contacts?$skiptoken=a%20b",
    ],
    ["contacts?$top=1", "https://org.crm.test/api/data/v9.2/contacts?$top=1"],
    ["/other", "https://org.crm.test/other"],
    ["HTTPS://ORG.CRM.TEST:443/x", "https://org.crm.test/x"],
  ])("follows %s", (link, expected) => {
    expect(parseSameOriginLink(link, base).href).toBe(expected);
  });

  it.each([
    "https://evil.test/api",
    "http://org.crm.test/api",
    "https://org.crm.test:8443/api",
    "https://org.crm.test.evil.test/",
    "https://org.crm.test@evil.test/",
    "//evil.test/api",
    "file:///etc/hosts",
    "https://",
  ])("refuses %s as malformed", (link) => {
    expect(() => parseSameOriginLink(link, base)).toThrow(expect.objectContaining({ kind: "malformed" }));
  });
});
