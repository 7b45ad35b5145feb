import { describe, expect, it } from "vitest";
import { networkWords, neverSent, proxyCode } from "../../../shared/http/network-code.js";

describe("the code of a call without an answer", () => {
  it.each([
    ["ECONNREFUSED", true],
    [proxyCode(407), true],
    ["SELF_SIGNED_CERT_IN_CHAIN", true],
    ["ECONNRESET", false],
    ["ETIMEDOUT", false],
  ])("%s says whether the other side may have got the request: never %s", (code, never) => {
    expect(neverSent(code)).toBe(never);
  });

  it.each([
    ["ECONNRESET", "ECONNRESET"],
    [proxyCode(407), "the proxy of HTTPS_PROXY answered 407"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "NODE_EXTRA_CA_CERTS"],
  ])("%s is said with what to do about it: %s", (code, said) => {
    expect(networkWords(code)).toContain(said);
  });
});
