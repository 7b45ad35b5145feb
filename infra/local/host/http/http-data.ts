// Between a Node request or response and the typed data of an HTTP trigger (facts/azure-local.md §2). Decides nothing.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpCookie, Nullable, TypedData } from "../worker/core-types.js";

/** An HTTP request as trigger input: full url with query, lower-case header names, route values as strings, body as bytes. */
export function toHttpInput(
  request: IncomingMessage,
  url: URL,
  params: Record<string, string>,
  body: Buffer,
): TypedData {
  const headers = Object.entries(request.headers).map(([name, value]) => [name, nullable(joined(value))]);
  return {
    http: {
      method: request.method ?? "GET",
      url: url.href,
      nullableHeaders: Object.fromEntries(headers),
      nullableParams: Object.fromEntries(Object.entries(params).map(([name, value]) => [name, nullable(value)])),
      nullableQuery: toNullableQuery(url.searchParams),
      body: body.length > 0 ? { bytes: body } : null,
    },
  };
}

/** Repeated parameters arrive as one, joined by a comma: the host keeps a dictionary. */
function toNullableQuery(query: URLSearchParams): Record<string, Nullable<string>> {
  return Object.fromEntries([...new Set(query.keys())].map((name) => [name, nullable(query.getAll(name).join(","))]));
}

function nullable(value: string): Nullable<string> {
  return { value };
}

function joined(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(", ") : (value ?? "");
}

/** Headers that belong to the connection: Node sets them itself. */
const CONNECTION_HEADERS = new Set(["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"]);
const WITHOUT_BODY = new Set([204, 304]);

/** Sends what the function returned; without a return value 204, as v4 does. Throws when a header cannot be sent. */
export function sendHttpOutput(
  response: ServerResponse,
  returned: TypedData | null | undefined,
  extraHeaders: Record<string, string>,
): void {
  for (const [name, value] of Object.entries(extraHeaders)) response.setHeader(name, value);
  const http = returned?.http;
  response.statusCode = http ? Number(http.statusCode ?? 200) : 204;
  for (const [name, value] of Object.entries(http?.headers ?? {})) {
    if (!CONNECTION_HEADERS.has(name.toLowerCase())) response.setHeader(name, value);
  }
  const cookies = http?.cookies ?? [];
  if (cookies.length > 0) response.setHeader("set-cookie", cookies.map(formatCookie));
  const bytes = http?.body?.bytes;
  if (bytes && bytes.length > 0 && !WITHOUT_BODY.has(response.statusCode)) response.end(bytes);
  else response.end();
}

const SAME_SITE = { none: undefined, lax: "Lax", strict: "Strict", explicitNone: "None" } as const;

/** One Set-Cookie value; attributes that are not set are left out. */
export function formatCookie(cookie: HttpCookie): string {
  const expires = cookie.expires?.value?.seconds;
  const sameSite = SAME_SITE[cookie.sameSite ?? "none"];
  const parts = [
    `${cookie.name ?? ""}=${encodeURIComponent(cookie.value ?? "")}`,
    cookie.maxAge?.value != null && `Max-Age=${cookie.maxAge.value}`,
    cookie.domain?.value && `Domain=${cookie.domain.value}`,
    cookie.path?.value && `Path=${cookie.path.value}`,
    expires != null && `Expires=${new Date(expires * 1000).toUTCString()}`,
    cookie.httpOnly?.value && "HttpOnly",
    cookie.secure?.value && "Secure",
    sameSite && `SameSite=${sameSite}`,
  ];
  return parts.filter((part) => typeof part === "string").join("; ");
}
