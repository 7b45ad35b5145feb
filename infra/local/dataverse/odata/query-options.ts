// The system query options of a read, as text to structure. Whether the names in them exist is for the reader of the table.

import { badQuery, notImitated } from "../errors.js";
import { own } from "../own.js";
import { type Expression, parseFilter } from "./expression.js";

/** One `$expand` item with its own options. */
export interface Expand {
  navigation: string;
  /** `$expand=nav/$ref`. */
  refOnly: boolean;
  options: QueryOptions;
}

/** What a read asks for. */
export interface QueryOptions {
  select: string[] | undefined;
  filter: Expression | undefined;
  orderBy: { segments: string[]; descending: boolean }[];
  top: number | undefined;
  count: boolean;
  expand: Expand[];
  apply: string | undefined;
  skipToken: string | undefined;
  deltaToken: string | undefined;
  /** Names of the options that were given, e.g. `$filter`. */
  given: ReadonlySet<string>;
}

const KNOWN = new Set([
  "$select",
  "$filter",
  "$orderby",
  "$top",
  "$count",
  "$expand",
  "$apply",
  "$skiptoken",
  "$deltatoken",
]);
const REFUSED: Record<string, string> = {
  $skip: "Skip Clause is not supported in CRM",
  $search: "The query option '$search' is not supported.",
  $format: "The query option '$format' is not supported.",
};

/** Other ways to ask: ignored, they would answer a plain list as if it were theirs. */
const otherQueries = new Set(["fetchXml", "savedQuery", "userQuery"]);

/** Splits at a separator outside parentheses and quotes. */
export function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let part = "";
  for (const character of text) {
    if (character === "'") quoted = !quoted;
    if (!quoted && character === "(") depth += 1;
    if (!quoted && character === ")") depth -= 1;
    if (character === separator && depth === 0 && !quoted) {
      parts.push(part.trim());
      part = "";
    } else part += character;
  }
  if (part.trim() !== "") parts.push(part.trim());
  return parts;
}

/** Reads the options of a request's query. Option names are case-sensitive; parameters without `$` or `@` are ignored. */
export function parseQueryOptions(query: URLSearchParams): QueryOptions {
  const options = new Map<string, string>();
  const aliases = new Map<string, string>();
  for (const [name, value] of query) {
    if (otherQueries.has(name)) throw notImitated(`queries by ${name}`);
    if (name.startsWith("@")) aliases.set(name, value);
    else if (name.startsWith("$")) options.set(name, value);
  }
  return readOptions(options, aliases);
}

function readOptions(options: ReadonlyMap<string, string>, aliases: ReadonlyMap<string, string>): QueryOptions {
  for (const name of options.keys()) {
    if (KNOWN.has(name)) continue;
    throw badQuery(own(REFUSED, name) ?? `The query parameter ${name} is not supported.`);
  }
  const list = (name: string): string[] => splitOutside(options.get(name) ?? "", ",");
  const top = options.get("$top");
  if (top !== undefined && !/^\d+$/.test(top)) throw badQuery(`Invalid value '${top}' for $top query option found.`);
  const filter = options.get("$filter");
  const select = options.has("$select") ? list("$select").filter((name) => name !== "*") : undefined;
  return {
    select: options.get("$select") === "*" ? undefined : select,
    filter: filter === undefined ? undefined : parseFilter(filter, aliases),
    orderBy: list("$orderby").map((item) => {
      const [name = "", direction = "asc"] = item.split(/\s+/);
      if (direction !== "asc" && direction !== "desc") throw badQuery(`Syntax error in $orderby near '${item}'.`);
      const path = name.startsWith("@") ? (aliases.get(name) ?? name) : name;
      return { segments: path.split("/"), descending: direction === "desc" };
    }),
    top: top === undefined ? undefined : Number(top),
    count: options.get("$count") === "true",
    expand: list("$expand").map(parseExpand),
    apply: options.get("$apply"),
    skipToken: options.get("$skiptoken"),
    deltaToken: options.get("$deltatoken"),
    given: new Set(options.keys()),
  };
}

function parseExpand(item: string): Expand {
  const open = item.indexOf("(");
  const path = open < 0 ? item : item.slice(0, open);
  const inner = open < 0 ? "" : item.slice(open + 1, item.lastIndexOf(")"));
  const refOnly = path.endsWith("/$ref");
  const navigation = refOnly ? path.slice(0, -"/$ref".length) : path;
  if (navigation.includes("/")) throw notImitated("$expand over a path or a cast");
  const options = new Map(splitOutside(inner, ";").map((part) => part.split(/=(.*)/s).slice(0, 2) as [string, string]));
  // Parameter aliases do not work inside $expand (facts/dataverse.md §3).
  return { navigation, refOnly, options: readOptions(options, new Map()) };
}
