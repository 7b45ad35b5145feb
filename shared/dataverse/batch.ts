// The text of `$batch` (facts/dataverse.md §6.3): writing requests and change sets, reading what came back. Pure.
// What is asked in a batch, and what becomes of its answers, is elsewhere.

import { MalformedError } from "../errors.js";

/** One request of a batch. `url` absolute or from `/api/…`, or `$<contentId>` of an earlier part of its change set. */
export interface BatchRequest {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  url: string;
  headers?: Readonly<Record<string, string>>;
  /** JSON. */
  body?: string;
  /** Of parts of change sets; without it a number that is unique in the batch. */
  contentId?: string;
}

/** A request, or several that are carried out together or not at all. */
export type BatchPart = BatchRequest | { changeSet: readonly BatchRequest[] };

/** One answer. Header names are lower case. */
export interface BatchAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  text: string;
}

/** The answer to a request; to a change set either an answer to each of its parts or one error, in either form. */
export type AnswerPart = BatchAnswer | { changeSet: readonly BatchAnswer[] };

/**
 * The body of a batch and its content type. `id` makes the boundaries; they never occur in what they part. MalformedError: a URL, header or content id
 * would break out of its line.
 */
export function writeBatch(parts: readonly BatchPart[], id: string): { contentType: string; body: string } {
  const texts = parts.flatMap((part) => ("changeSet" in part ? part.changeSet : [part])).map(textOf);
  let free = oneLine(id);
  while (texts.some((text) => text.includes(free))) free += "_";
  let count = 0;
  const written = parts.map((part, index) => {
    if (!("changeSet" in part)) return httpPart(part, undefined);
    const boundary = `changeset_${free}_${index}`;
    const inner = part.changeSet.map((request) => {
      count += 1;
      return httpPart(request, request.contentId ?? String(count));
    });
    return `Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n${multipart(inner, boundary)}`;
  });
  const boundary = `batch_${free}`;
  return { contentType: `multipart/mixed; boundary="${boundary}"`, body: `${multipart(written, boundary)}\r\n` };
}

/** The answers of a batch, in the order asked. MalformedError for anything that is not whole. */
export function readBatch(contentType: string | undefined, text: string): AnswerPart[] {
  return readParts(contentType, text).map((part) => {
    const type = part.headers["content-type"];
    if (isHttp(type)) return readAnswer(part.text);
    const changeSet = readParts(type, part.text).map((inner) => {
      if (!isHttp(inner.headers["content-type"])) throw broken("a part of a change set is no HTTP message");
      return readAnswer(inner.text);
    });
    return { changeSet };
  });
}

function multipart(parts: readonly string[], boundary: string): string {
  return `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join("")}--${boundary}--`;
}

function httpPart(request: BatchRequest, contentId: string | undefined): string {
  const id = contentId === undefined ? "" : `Content-ID: ${oneLine(contentId)}\r\n`;
  return `Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n${id}\r\n${textOf(request)}`;
}

function textOf({ method, url, headers = {}, body }: BatchRequest): string {
  if (/\s/.test(url)) throw broken("a URL has a space or a line break in it");
  const all = { ...(body !== undefined && { "Content-Type": "application/json" }), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${oneLine(name)}: ${oneLine(value)}\r\n`);
  return `${method} ${url} HTTP/1.1\r\n${lines.join("")}\r\n${body ?? ""}`;
}

function oneLine(text: string): string {
  if (/[\r\n]/.test(text)) throw broken("a header has a line break in it");
  return text;
}

/** Headers, and all that follows the empty line after them. */
interface Message {
  headers: Readonly<Record<string, string>>;
  text: string;
}

function readParts(contentType: string | undefined, text: string): Message[] {
  const [, quoted, plain] =
    /^multipart\/mixed\s*;(?:.*;)?\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType ?? "") ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw broken("it is not multipart");
  const parts: Message[] = [];
  // A boundary is one only if it has its line for itself: neither a longer one nor text that mentions it is.
  const line = new RegExp(
    `(?:^|\\r?\\n)--${boundary.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}(--)?[ \\t]*(?=\\r?\\n|$)`,
    "g",
  );
  let start: number | undefined;
  for (const match of text.matchAll(line)) {
    if (start !== undefined) parts.push(readMessage(text.slice(start, match.index).replace(/^\r?\n/, "")));
    if (match[1] !== undefined) {
      if (start === undefined) throw broken("it ends before it begins");
      return parts;
    }
    start = match.index + match[0].length;
  }
  throw broken("it is cut off");
}

function readMessage(text: string): Message {
  const headers: Record<string, string> = {};
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf("\n", at);
    const line = text.slice(at, end < 0 ? text.length : end).replace(/\r$/, "");
    at = end < 0 ? text.length : end + 1;
    if (line === "") break;
    const [, name, value] = /^([^\s:]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw broken("a part has a line that is no header");
    headers[name.toLowerCase()] = value.trim();
  }
  return { headers, text: text.slice(at) };
}

function readAnswer(text: string): BatchAnswer {
  const [first, status] = /^HTTP\/1\.[01] (\d{3})(?: [^\r\n]*)?(?:\r?\n|$)/.exec(text) ?? [];
  if (first === undefined) throw broken("a part has no status");
  return { status: Number(status), ...readMessage(text.slice(first.length)) };
}

function isHttp(type: string | undefined): boolean {
  return /^application\/http\s*(;|$)/i.test(type ?? "");
}

function broken(how: string): MalformedError {
  return new MalformedError(`a batch of Dataverse cannot be read or written: ${how}`);
}
