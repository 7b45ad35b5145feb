import { badQuery } from "../errors.js";

/** One token of an OData expression; `text` of a string is its content without quotes. */
export interface Token {
  type: "name" | "string" | "number" | "guid" | "date" | "enum" | "mark";
  text: string;
  position: number;
}

const RULES: readonly (readonly [Token["type"], RegExp])[] = [
  ["guid", /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])/iy],
  ["date", /\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?(?![\w-])/y],
  ["number", /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w-])/y],
  ["enum", /[A-Za-z_][\w.]*'(?:[^']|'')*'/y],
  ["name", /@?[A-Za-z_$][\w$]*(?:\.[A-Za-z_]\w*)*/y],
  ["string", /'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"/y],
  ["mark", /[(),/:=[\];]/y],
];

const unquote = (text: string): string =>
  text.startsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : (JSON.parse(text) as string);

/** Splits an OData expression. Throws 400 for a character that begins nothing. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  while (position < text.length) {
    if (/\s/.test(text.charAt(position))) {
      position += 1;
      continue;
    }
    const found = match(text, position);
    if (!found) throw badQuery(`Syntax error at position ${position} in '${text}'.`);
    tokens.push(found.token);
    position += found.length;
  }
  return tokens;
}

function match(text: string, position: number): { token: Token; length: number } | undefined {
  for (const [type, rule] of RULES) {
    rule.lastIndex = position;
    const raw = rule.exec(text)?.[0];
    if (raw === undefined) continue;
    const content = type === "string" ? unquote(raw) : type === "enum" ? unquote(raw.slice(raw.indexOf("'"))) : raw;
    return { token: { type, text: content, position }, length: raw.length };
  }
  return undefined;
}
