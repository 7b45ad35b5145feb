// The text of $batch: multipart bodies and the HTTP messages inside them. What the requests do is in run-batch.ts.

import type { SimResponse } from "../../sim/types.js";
import { badQuery } from "../errors.js";

/** A message with headers (names in lower case) and a body. */
export interface Part {
  headers: Record<string, string>;
  body: string;
}

/** A request inside a part. */
export interface InnerRequest extends Part {
  method: string;
  url: string;
}

const splitHead = (text: string): { lines: string[]; body: string } => {
  const end = /\r?\n\r?\n/.exec(text);
  const head = end ? text.slice(0, end.index) : text;
  return {
    lines: head.split(/\r?\n/).filter((line) => line !== ""),
    body: end ? text.slice(end.index + end[0].length) : "",
  };
};

const toHeaders = (lines: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );

/** The boundary of a multipart content type; undefined when it is none. */
export const boundaryOf = (contentType: string | undefined): string | undefined =>
  /^multipart\/mixed\s*;.*boundary="?([^";]+)"?/i.exec(contentType ?? "")?.[1];

/** The parts of a multipart body. Throws 400 when it does not end as it should. */
export function parseMultipart(body: string, boundary: string): Part[] {
  const delimiter = `--${boundary}`;
  const pieces = `\n${body}`.split(
    new RegExp(`\\r?\\n${delimiter.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?=--|\\r?\\n)`),
  );
  const last = pieces.at(-1);
  if (pieces.length < 2 || !last?.startsWith("--")) throw badQuery("The multipart body is not closed by its boundary.");
  return pieces.slice(1, -1).map((piece) => {
    const { lines, body: content } = splitHead(piece.replace(/^\r?\n/, ""));
    return { headers: toHeaders(lines), body: content };
  });
}

/** The request in an `application/http` part. Throws 400 for anything else. */
export function parseInnerRequest(part: Part): InnerRequest {
  if (!part.headers["content-type"]?.startsWith("application/http"))
    throw badQuery("A part of a batch must be application/http.");
  const { lines, body } = splitHead(part.body);
  const [, method, url] = /^([A-Z]+) (\S+) HTTP\/1\.1$/.exec(lines[0]?.trim() ?? "") ?? [];
  if (!method || !url) throw badQuery(`The request line '${lines[0] ?? ""}' of a batch part is not valid.`);
  return { method, url, headers: toHeaders(lines.slice(1)), body };
}

const REASONS: Record<number, string> = {
  200: "OK",
  201: "Created",
  204: "No Content",
  304: "Not Modified",
  400: "Bad Request",
  404: "Not Found",
  412: "Precondition Failed",
};
const capitalized = (name: string): string =>
  name
    .replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())
    .replace(/^Odata/, "OData")
    .replace("Entityid", "EntityId");

/** An answer as an `application/http` part. */
export function writePart(response: SimResponse, contentId: string | undefined): string {
  const headers = Object.entries(response.headers).map(([name, value]) => `${capitalized(name)}: ${value}`);
  return [
    "Content-Type: application/http",
    "Content-Transfer-Encoding: binary",
    ...(contentId === undefined ? [] : [`Content-ID: ${contentId}`]),
    "",
    `HTTP/1.1 ${response.status} ${REASONS[response.status] ?? "Error"}`,
    ...headers,
    "",
    response.body,
  ].join("\r\n");
}

/** Parts (each with its own head) as a multipart body. */
export const writeMultipart = (parts: readonly string[], boundary: string): string =>
  `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join("")}--${boundary}--\r\n`;
