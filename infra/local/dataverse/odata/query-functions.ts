// The query functions of Microsoft.Dynamics.CRM that $filter may call; facts/dataverse.md §3. The rest is refused.

import { badQuery, notImitated } from "../errors.js";
import { own } from "../own.js";
import { type Comparable, type Operand, type Resolver, toComparable } from "./compile.js";
import type { Literal } from "./expression.js";

type Arguments = ReadonlyMap<string, Literal | Literal[]>;

const DAY_SECONDS = 86_400;

const one = (args: Arguments, name: string): Literal => {
  const value = args.get(name);
  if (value === undefined || Array.isArray(value))
    throw badQuery(`The function parameter '${name}' is missing or a collection.`);
  return value;
};

const many = (args: Arguments, name: string): Literal[] => {
  const value = args.get(name);
  if (!Array.isArray(value)) throw badQuery(`The function parameter '${name}' is missing or not a collection.`);
  return value;
};

/** Values of query functions are all written as strings: here they become what the property holds. */
const convert = (literal: Literal, kind: Operand<unknown>["kind"]): Comparable => {
  if (literal.type !== "string" || kind === "string" || kind === "any") return toComparable(literal, kind);
  const text = String(literal.value);
  if (kind === "number" || kind === "multi") return Number(text);
  if (kind === "boolean") return text === "true" || text === "1";
  if (kind === "guid") return text.toLowerCase();
  return toComparable({ kind: "literal", type: "date", value: text }, kind);
};

const startOfDay = (seconds: number): number => Math.floor(seconds / DAY_SECONDS) * DAY_SECONDS;

/** The span of seconds [from, to) each function without a date of its own stands for. `x` is its PropertyValue. */
const SPANS: Record<string, (now: number, x: number) => [number, number]> = {
  Today: (now) => [startOfDay(now), startOfDay(now) + DAY_SECONDS],
  Yesterday: (now) => [startOfDay(now) - DAY_SECONDS, startOfDay(now)],
  Tomorrow: (now) => [startOfDay(now) + DAY_SECONDS, startOfDay(now) + 2 * DAY_SECONDS],
  Last7Days: (now) => [startOfDay(now) - 7 * DAY_SECONDS, now],
  LastXHours: (now, x) => [now - x * 3600, now],
  NextXHours: (now, x) => [now, now + x * 3600],
  LastXDays: (now, x) => [startOfDay(now) - x * DAY_SECONDS, now],
  NextXDays: (now, x) => [now, startOfDay(now) + (x + 1) * DAY_SECONDS],
  OlderThanXMinutes: (now, x) => [Number.NEGATIVE_INFINITY, now - x * 60],
  OlderThanXHours: (now, x) => [Number.NEGATIVE_INFINITY, now - x * 3600],
  OlderThanXDays: (now, x) => [Number.NEGATIVE_INFINITY, startOfDay(now) - x * DAY_SECONDS],
};

const toSeconds = (value: Comparable): number | undefined =>
  value === null ? undefined : typeof value === "number" ? value : Date.parse(`${value}T00:00:00Z`) / 1000;

/** Compiles a call of a query function to a test. Throws 400 for wrong arguments, 501 for a function not imitated. */
export function compileFunction<Item>(
  name: string,
  args: Arguments,
  resolver: Resolver<Item>,
): (item: Item) => boolean {
  const operand = resolver.operand(String(one(args, "PropertyName").value).split("/"));
  const { get, kind } = operand;
  const value = (): Comparable => convert(one(args, "PropertyValue"), kind);
  const within =
    ([from, to]: [number, number]) =>
    (item: Item) => {
      const seconds = toSeconds(get(item));
      return seconds !== undefined && seconds >= from && seconds < to;
    };

  const span = own(SPANS, name);
  if (span) {
    return within(
      span(resolver.nowMs / 1000, args.has("PropertyValue") ? Number(one(args, "PropertyValue").value) : 0),
    );
  }
  switch (name) {
    case "In":
    case "NotIn": {
      const values = new Set(many(args, "PropertyValues").map((literal) => convert(literal, kind)));
      const wanted = name === "In";
      return (item) => values.has(get(item)) === wanted;
    }
    case "Between":
    case "NotBetween": {
      const [low = null, high = null] = many(args, "PropertyValues").map((literal) => convert(literal, kind));
      if (low === null || high === null) throw badQuery("Between takes two values.");
      return (item) => {
        const at = get(item);
        return at !== null && (at >= low && at <= high) === (name === "Between");
      };
    }
    case "On":
    case "OnOrAfter":
    case "OnOrBefore": {
      const seconds = startOfDay(toSeconds(value()) ?? Number.NaN);
      if (name === "On") return within([seconds, seconds + DAY_SECONDS]);
      return within(
        name === "OnOrAfter" ? [seconds, Number.POSITIVE_INFINITY] : [Number.NEGATIVE_INFINITY, seconds + DAY_SECONDS],
      );
    }
    case "ContainValues":
    case "DoesNotContainValues": {
      if (!operand.getMany) throw badQuery(`The function '${name}' is only for multi-select columns.`);
      const { getMany } = operand;
      const values = new Set(many(args, "PropertyValues").map((literal) => Number(literal.value)));
      return (item) => getMany(item).some((choice) => values.has(choice)) === (name === "ContainValues");
    }
    case "EqualUserId":
      return (item) => get(item) === resolver.userId;
    case "NotEqualUserId":
      return (item) => get(item) !== resolver.userId;
    default:
      throw notImitated(`the query function ${name}`);
  }
}
