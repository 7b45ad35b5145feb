// Why there was no answer, by code: Node's own, and what our transport makes of a proxy that lets nobody through. Pure.

/** Code for a proxy that answered a tunnel with `status` instead of making it. */
export function proxyCode(status: number): string {
  return `PROXY_${status}`;
}

const untrusted = new Set([
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
const unreached = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

/** Did the request certainly never reach the other side? */
export function neverSent(code: string): boolean {
  return unreached.has(code) || untrusted.has(code) || statusOf(code) !== undefined;
}

/** The code in words, with what to do where somebody can do something about it (docs/platforms.md). */
export function networkWords(code: string): string {
  const status = statusOf(code);
  if (status !== undefined) return `the proxy of HTTPS_PROXY answered ${status} instead of letting us through`;
  if (!untrusted.has(code)) return code;
  return `${code}, its certificate is not trusted here (an authority of your company's own is named in NODE_EXTRA_CA_CERTS)`;
}

function statusOf(code: string): string | undefined {
  return /^PROXY_(\d{3})$/.exec(code)?.[1];
}
