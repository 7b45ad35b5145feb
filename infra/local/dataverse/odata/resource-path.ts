// The path of a Web API request as segments with their key predicates or arguments. What they name is for the router.
import { badQuery } from "../errors.js";
import { type Literal, makeTokenReader, toLiteral } from "./expression.js";

/** One segment: `contacts`, `contacts(<guid>)`, `contacts(a='x',b=2)`, `In(A=@p)`. */
export interface Segment {
  name: string;
  /** The text between the parentheses; undefined without any. */
  argument: string | undefined;
}

const BASE = /^\/api\/data\/v9\.\d\/?/i;

/** Whether the path belongs to the Web API. */
export const isWebApiPath = (path: string): boolean => BASE.test(path);

/** The address of the Web API at an origin, without a slash at its end. */
export const toApiUrl = (origin: string): string => `${origin}/api/data/v9.2`;

/** A URL in any of the allowed forms (absolute, from the root, relative) as the part below the API's address. */
export const toRelativeUrl = (url: string): string =>
  url
    .replace(/^https?:\/\/[^/]+/i, "")
    .replace(BASE, "")
    .replace(/^\//, "");

/** Splits a path below the API's address. Slashes and parentheses inside quotes do not count. */
export function parseResourcePath(path: string): Segment[] {
  const parts: string[] = [];
  let part = "";
  let quoted = false;
  for (const character of path) {
    if (character === "'") quoted = !quoted;
    if (character === "/" && !quoted) {
      parts.push(part);
      part = "";
    } else part += character;
  }
  parts.push(part);
  return parts.filter((text) => text !== "").map(parseSegment);
}

function parseSegment(text: string): Segment {
  const open = text.indexOf("(");
  if (open < 0) return { name: text, argument: undefined };
  if (!text.endsWith(")")) throw badQuery(`Bad Request - Error in query syntax near '${text}'.`);
  return { name: text.slice(0, open), argument: text.slice(open + 1, -1) };
}

/** A key predicate: one value without a name (the primary key), or values by name. */
export function parseKey(argument: string): Map<string, Literal> {
  const reader = makeTokenReader(argument);
  const values = new Map<string, Literal>();
  while (!reader.atEnd()) {
    const token = reader.next();
    if (token.type === "name" && reader.take("="))
      values.set(token.text, expectLiteral(argument, toLiteral(reader.next())));
    else values.set("", expectLiteral(argument, toLiteral(token)));
    if (!reader.atEnd()) reader.expect(",");
  }
  return values;
}

const expectLiteral = (argument: string, literal: Literal | undefined): Literal => {
  if (!literal) throw badQuery(`Bad Request - Error in query syntax near '(${argument})'.`);
  return literal;
};
