// Where a step calls and how it identifies itself; facts/dataverse.md §1.1.
import type { Row } from "../store/row-store.js";

/** The address and extra headers of a call; or why there can be none, as a webhook error code. */
export type EndpointCall = { url: string; headers: Record<string, string> } | { code: string; reason: string };

const unescapeXml = (text: string): string =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");

/** The pairs of `<settings><setting name="a" value="b"/></settings>`; undefined when the text is not that. */
function readSettings(xml: string): [string, string][] | undefined {
  if (!/^\s*<settings>[\s\S]*<\/settings>\s*$/.test(xml)) return undefined;
  return [...xml.matchAll(/<setting\s+name="([^"]*)"\s+value="([^"]*)"\s*\/>/g)].map(([, name = "", value = ""]) => [
    unescapeXml(name),
    unescapeXml(value),
  ]);
}

const withQuery = (url: string, pairs: [string, string][]): string => {
  const query = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
  return query === "" ? url : `${url}${url.includes("?") ? "&" : "?"}${query}`;
};

/** How a webhook endpoint is called: `?code=` for a key, headers or query pairs from the stored XML. */
export function toEndpointCall(endpoint: Row): EndpointCall {
  const url = String(endpoint.url ?? "");
  const value = String(endpoint.authvalue ?? "");
  switch (endpoint.authtype) {
    case 4:
      return { url: withQuery(url, [["code", value]]), headers: {} };
    case 5: {
      const pairs = readSettings(value);
      return pairs
        ? { url, headers: Object.fromEntries(pairs) }
        : { code: "0x80050203", reason: "The header authvalue is not valid." };
    }
    case 6: {
      const pairs = readSettings(value);
      return pairs
        ? { url: withQuery(url, pairs), headers: {} }
        : { code: "0x80050204", reason: "The query authvalue is not valid." };
    }
    default:
      return { url, headers: {} };
  }
}
