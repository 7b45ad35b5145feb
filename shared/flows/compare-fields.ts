// What a record of Campaign should hold beside what it holds, field by field (facts/campaign.md §3.4, §11). Pure. What follows from a
// difference is the business of the flows that ask.

import type { CompiledMapping, Fields, MappedRow } from "../mapping/compile.js";
import type { FieldValue } from "../mapping/convert.js";
import type { LinkValue } from "../mapping/field.js";

/** A field with what Campaign holds and what it should hold. The values are a person's: for a preview's eyes, never for a log or a table. */
export interface FieldDifference {
  field: string;
  before: FieldValue | LinkValue | undefined;
  after: FieldValue | LinkValue;
}

/**
 * `differing`: a write would change them. `altered`: Campaign's own data policy made of the value what is there (spaces, capitals); writing it
 * again would not change that. `unseen`: links that are set on both sides; Campaign does not show to whose key.
 */
export interface Comparison {
  differing: readonly FieldDifference[];
  altered: readonly string[];
  unseen: readonly string[];
}

type Verdict = "equal" | "differing" | "altered" | "unseen";

/**
 * Compares the fields that every update writes and, with `insertOnly`, those that only an insert or a replay writes. Fields of `held` that
 * are not wanted are not looked at.
 */
export function compareFields(
  mapping: Pick<CompiledMapping, "targets">,
  wanted: MappedRow,
  held: Fields,
  { insertOnly = false } = {},
): Comparison {
  const differing: FieldDifference[] = [];
  const altered: string[] = [];
  const unseen: string[] = [];
  const all = insertOnly ? { ...wanted.always, ...wanted.insertOnly } : wanted.always;
  for (const [field, after] of Object.entries(all)) {
    const before = held[field];
    const verdict = compareValues(mapping.targets[field] ?? "string", after, before);
    if (verdict === "differing") differing.push({ field, before, after });
    if (verdict === "altered") altered.push(field);
    if (verdict === "unseen") unseen.push(field);
  }
  return { differing, altered, unseen };
}

function compareValues(
  type: CompiledMapping["targets"][string],
  wanted: FieldValue | LinkValue,
  held: FieldValue | LinkValue | undefined,
): Verdict {
  if (type === "link" || isLink(wanted) || isLink(held)) return compareLinks(wanted, held);
  switch (type) {
    case "string":
      return compareTexts(String(wanted), String(held ?? ""));
    case "enumeration":
      return equalIf(nameOf(wanted) === nameOf(held));
    case "boolean":
      return equalIf(truthOf(wanted) === truthOf(held));
    case "integer":
    case "double":
      return equalIf(Object.is(numberOf(wanted), numberOf(held)));
    case "float":
      return equalIf(Object.is(Math.fround(numberOf(wanted)), Math.fround(numberOf(held))));
    case "date":
      return equalIf(dayOf(wanted) === dayOf(held));
    case "datetime":
      return equalIf(instantOf(wanted) === instantOf(held));
  }
}

function equalIf(equal: boolean): Verdict {
  return equal ? "equal" : "differing";
}

function isLink(value: FieldValue | LinkValue | undefined): value is LinkValue {
  return typeof value === "object";
}

function compareLinks(wanted: FieldValue | LinkValue, held: FieldValue | LinkValue | undefined): Verdict {
  const [want, have] = [isLink(wanted) ? wanted : null, isLink(held) ? held : null];
  if (want === null || have === null) return equalIf(want === have);
  // An encrypted PKey names the parent, but nobody outside Campaign can read it (facts/campaign.md §3.1).
  return want.key === have.key ? "equal" : have.key === "" || have.key.startsWith("@") ? "unseen" : "differing";
}

/** Names by which Campaign's enumerations say that nothing is set: the value with number 0 (facts/campaign.md §7.1). */
const namesOfNothing = new Set(["", "unknown", "none"]);

function nameOf(value: FieldValue | undefined): string {
  const name = String(value ?? "");
  return namesOfNothing.has(name) ? "" : name;
}

function truthOf(value: FieldValue | undefined): boolean {
  return value === true || value === 1 || value === "true" || value === "1";
}

/** Not set is 0. What is no number is not equal to any. */
function numberOf(value: FieldValue | undefined): number {
  if (value === undefined || value === "" || value === false) return 0;
  // `+ 0` makes -0 and 0 the same.
  return Number(value) + 0;
}

/** The day in UTC, whether it is spelled as a day or as an instant. */
function dayOf(value: FieldValue | undefined): string {
  const text = String(value ?? "").trim();
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return text;
  const instant = instantOf(text);
  return typeof instant === "number" ? new Date(instant).toISOString().slice(0, 10) : instant;
}

/** Epoch ms of a day or instant, with space or T; without zone it is UTC. Anything else is only equal to itself. */
function instantOf(value: FieldValue | undefined): number | string {
  const text = String(value ?? "").trim();
  const found = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  if (!found) return text;
  const [, day, time = "00:00", zone = "Z"] = found;
  const instant = Date.parse(`${day}T${time}${zone}`);
  return Number.isNaN(instant) ? text : instant;
}

/**
 * Data policies change spaces and capitals. Only what a policy could have made of the wanted text counts as its work: the reverse, a name that
 * lost its capitals, is a difference.
 */
function compareTexts(wanted: string, held: string): Verdict {
  if (wanted === held) return "equal";
  const [want, have] = [tidy(wanted), tidy(held)];
  if (want === have || want.toLowerCase() === have || want.toUpperCase() === have) return "altered";
  return want.toLowerCase() === have.toLowerCase() && isCapitalised(have) ? "altered" : "differing";
}

function tidy(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}

/** Does every word begin with a capital, or something that has none? */
function isCapitalised(text: string): boolean {
  return text.split(/[\s'-]+/).every((word) => !/^\p{Ll}/u.test(word));
}
