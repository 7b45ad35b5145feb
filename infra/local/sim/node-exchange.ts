// Between node:http and the simulators' own requests and answers. Knows sockets; knows nothing of faults or cores.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SimRequest, SimResponse } from "./types.js";

/** Larger bodies are answered with 413 before any core sees them. */
export const MAX_BODY_BYTES = 128 * 1024 * 1024;

/** The whole request; "too-large", or "gone" when the client left before its end. */
export async function readRequest(incoming: IncomingMessage): Promise<SimRequest | "too-large" | "gone"> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes <= MAX_BODY_BYTES) chunks.push(chunk);
    }
  } catch {
    return "gone";
  }
  if (sizeBytes > MAX_BODY_BYTES) return "too-large";
  // A client may also send an absolute URL in the request line.
  const target = (incoming.url ?? "/").replace(/^https?:\/\/[^/?]*/i, "") || "/";
  const mark = target.indexOf("?");
  const search = mark < 0 ? "" : target.slice(mark + 1);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return {
    method: incoming.method ?? "GET",
    path: mark < 0 ? target : target.slice(0, mark),
    query: new URLSearchParams(search),
    search,
    headers,
    body: Buffer.concat(chunks).toString("utf8"),
    origin: `http://${incoming.headers.host ?? `127.0.0.1:${incoming.socket.localPort ?? 0}`}`,
  };
}

const hasNoBody = (method: string, status: number): boolean => method === "HEAD" || status === 204 || status === 304;

/** Sends the whole answer, or with `cut` its head and half of its body before the connection dies. */
export function sendResponse(outgoing: ServerResponse, method: string, response: SimResponse, cut = false): void {
  if (outgoing.destroyed || outgoing.headersSent) return;
  const body = Buffer.from(response.body, "utf8");
  const headers: Record<string, string> = { ...response.headers };
  if (!hasNoBody(method, response.status)) headers["content-length"] = String(body.length);
  outgoing.writeHead(response.status, headers);
  if (!cut) {
    outgoing.end(hasNoBody(method, response.status) ? undefined : body);
    return;
  }
  outgoing.flushHeaders();
  outgoing.write(body.subarray(0, Math.floor(body.length / 2)), () => outgoing.destroy());
  if (body.length < 2) outgoing.destroy();
}

/** Sends `value` as JSON; an iterator piece by piece as a JSON array, never the whole in memory. */
export async function sendJson(outgoing: ServerResponse, status: number, value: unknown): Promise<void> {
  outgoing.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  if (typeof value !== "object" || value === null || Array.isArray(value) || !(Symbol.iterator in value)) {
    outgoing.end(JSON.stringify(value));
    return;
  }
  let piece = "[";
  let first = true;
  for (const item of value as Iterable<unknown>) {
    piece += (first ? "\n" : ",\n") + JSON.stringify(item);
    first = false;
    if (piece.length < 256 * 1024) continue;
    if (outgoing.destroyed) return;
    if (!outgoing.write(piece)) {
      await new Promise((resolve) => {
        outgoing.once("drain", resolve);
        outgoing.once("close", resolve);
      });
    }
    piece = "";
  }
  outgoing.end(`${piece}\n]`);
}
