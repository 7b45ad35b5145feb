// From a $filter tree to a test of one item: OData's comparisons as Dataverse does them. Where properties come from is the resolver's.

import { badQuery, notImitated } from "../errors.js";
import { own } from "../own.js";
import type { Expression, Literal } from "./expression.js";
import { compileFunction } from "./query-functions.js";

/** What two things can be compared as. Strings are lower case: Dataverse compares without case. */
export type Comparable = string | number | boolean | null;

/** How the text of a literal is compared with a property. */
export type OperandKind = "string" | "number" | "boolean" | "guid" | "dateTime" | "dateOnly" | "multi" | "any";

/** A readable side of a comparison. */
export interface Operand<Item> {
  kind: OperandKind;
  get(item: Item): Comparable;
  /** Choices of a multi-select. */
  getMany?(item: Item): readonly number[];
}

/** Where properties of an item come from. Throws 400 for a property that does not exist. */
export interface Resolver<Item> {
  operand(segments: readonly string[]): Operand<Item>;
  /** The items behind a collection, with the resolver of their own properties. */
  collection(segments: readonly string[]): { items(item: Item): Iterable<Item>; resolver: Resolver<Item> };
  nowMs: number;
  userId: string;
}

const EDM = {
  string: "Edm.String",
  number: "Edm.Int32",
  boolean: "Edm.Boolean",
  guid: "Edm.Guid",
  date: "Edm.DateTimeOffset",
  enum: "Edm.String",
};
const EDM_OF_KIND: Record<OperandKind, string> = {
  string: "Edm.String",
  number: "Edm.Int32",
  boolean: "Edm.Boolean",
  guid: "Edm.Guid",
  dateTime: "Edm.DateTimeOffset",
  dateOnly: "Edm.Date",
  multi: "Edm.String",
  any: "Edm.String",
};
const FITS: Record<OperandKind, readonly Literal["type"][]> = {
  string: ["string"],
  number: ["number"],
  boolean: ["boolean"],
  guid: ["guid"],
  dateTime: ["date"],
  dateOnly: ["date"],
  multi: ["string", "number"],
  any: ["string", "number", "boolean", "guid", "date", "enum"],
};

/** The literal in the form of an operand's values. Throws 400 when the types cannot be compared. */
export function toComparable(literal: Literal, kind: OperandKind, operator = "Equal"): Comparable {
  if (literal.type === "null") return null;
  if (!FITS[kind].includes(literal.type)) {
    throw badQuery(
      `A binary operator with incompatible types was detected. Found operand types '${EDM_OF_KIND[kind]}' and '${EDM[literal.type]}' for operator kind '${operator}'.`,
    );
  }
  if (kind === "dateTime")
    return (
      Date.parse(String(literal.value).includes("T") ? String(literal.value) : `${literal.value}T00:00:00Z`) / 1000
    );
  if (kind === "dateOnly") return String(literal.value).slice(0, 10);
  return typeof literal.value === "string" ? literal.value.toLowerCase() : literal.value;
}

const COMPARISONS = {
  eq: (a: Comparable, b: Comparable) => a === b,
  ne: (a: Comparable, b: Comparable) => a !== b,
  gt: (a: Comparable, b: Comparable) => a !== null && b !== null && a > b,
  ge: (a: Comparable, b: Comparable) => a !== null && b !== null && a >= b,
  lt: (a: Comparable, b: Comparable) => a !== null && b !== null && a < b,
  le: (a: Comparable, b: Comparable) => a !== null && b !== null && a <= b,
} as const;

const TEXT_CALLS: Record<string, (text: string, part: string) => boolean> = {
  contains: (text, part) => text.includes(part),
  startswith: (text, part) => text.startsWith(part),
  endswith: (text, part) => text.endsWith(part),
};

/** Compiles a filter to a test. */
export function compileFilter<Item>(expression: Expression, resolver: Resolver<Item>): (item: Item) => boolean {
  switch (expression.kind) {
    case "and":
    case "or": {
      const left = compileFilter(expression.left, resolver);
      const right = compileFilter(expression.right, resolver);
      return expression.kind === "and" ? (item) => left(item) && right(item) : (item) => left(item) || right(item);
    }
    case "not": {
      const operand = compileFilter(expression.operand, resolver);
      return (item) => !operand(item);
    }
    case "compare":
      return compileComparison(expression, resolver);
    case "call":
      return compileCall(expression.name, expression.args, resolver);
    case "function":
      return compileFunction(expression.name, expression.args, resolver);
    case "lambda":
      return compileLambda(expression, resolver);
    case "literal":
      if (expression.type === "boolean") return () => expression.value === true;
      throw badQuery("The $filter expression must evaluate to a single boolean value.");
    case "path": {
      const operand = resolver.operand(expression.segments);
      if (operand.kind !== "boolean" && operand.kind !== "any") {
        throw badQuery("The $filter expression must evaluate to a single boolean value.");
      }
      return (item) => operand.get(item) === true;
    }
  }
}

function compileComparison<Item>(
  { operator, left, right }: Extract<Expression, { kind: "compare" }>,
  resolver: Resolver<Item>,
): (item: Item) => boolean {
  const test = COMPARISONS[operator];
  if (left.kind === "literal" && right.kind === "path") {
    const flipped = { eq: "eq", ne: "ne", gt: "lt", ge: "le", lt: "gt", le: "ge" } as const;
    return compileComparison({ kind: "compare", operator: flipped[operator], left: right, right: left }, resolver);
  }
  if (left.kind !== "path") throw notImitated("comparisons whose left side is not a property");
  const operand = resolver.operand(left.segments);
  if (right.kind === "literal") {
    const value = toComparable(right, operand.kind, operator);
    return (item) => test(operand.get(item), value);
  }
  if (right.kind !== "path") throw notImitated("comparisons with a computed right side");
  const other = resolver.operand(right.segments);
  return (item) => test(operand.get(item), other.get(item));
}

function compileCall<Item>(name: string, args: Expression[], resolver: Resolver<Item>): (item: Item) => boolean {
  const test = own(TEXT_CALLS, name);
  if (!test) throw badQuery(`An unknown function with name '${name}' was found.`);
  const [property, part] = args;
  if (property?.kind !== "path" || part?.kind !== "literal" || args.length !== 2) {
    throw badQuery(`No function signature for the function with name '${name}' matches the specified arguments.`);
  }
  const operand = resolver.operand(property.segments);
  if (operand.kind !== "string" && operand.kind !== "any") {
    throw badQuery(`No function signature for the function with name '${name}' matches the specified arguments.`);
  }
  const wanted = String(part.value).toLowerCase();
  return (item) => {
    const text = operand.get(item);
    return typeof text === "string" && test(text.toLowerCase(), wanted);
  };
}

function compileLambda<Item>(
  { quantifier, path, variable, body }: Extract<Expression, { kind: "lambda" }>,
  resolver: Resolver<Item>,
): (item: Item) => boolean {
  const { items, resolver: inner } = resolver.collection(path);
  const test = body ? compileFilter(body, scoped(inner, variable)) : () => true;
  return (item) => {
    for (const member of items(item)) {
      if (test(member) !== (quantifier === "all")) return quantifier === "any";
    }
    return quantifier === "all";
  };
}

/** Properties inside a lambda are written with its variable: `t/subject`. */
const scoped = <Item>(resolver: Resolver<Item>, variable: string): Resolver<Item> => {
  const strip = (segments: readonly string[]): readonly string[] => {
    if (segments[0] !== variable) throw notImitated("lambda expressions over properties of the outer row");
    return segments.slice(1);
  };
  return {
    ...resolver,
    operand: (segments) => resolver.operand(strip(segments)),
    collection: (segments) => resolver.collection(strip(segments)),
  };
};
