// What the server computes when it shows a record (facts/campaign.md §3.4): never stored, never written.

import type { Resource } from "../model/catalog.js";
import type { Values } from "../store/table.js";
import type { OpaqueKeys } from "./opaque-keys.js";

/** Computed values by dotted path. */
export type Computed = Record<string, string | number | boolean>;

const text = (values: Values, path: string): string => String(values[path] ?? "");
const joined = (...parts: string[]): string => parts.filter((part) => part !== "").join(" ");

function ageOn(birthDate: string, now: number): number {
  if (birthDate === "") return 0;
  const today = new Date(now).toISOString().slice(0, 10);
  const years = Number(today.slice(0, 4)) - Number(birthDate.slice(0, 4));
  return Math.max(0, today.slice(5) < birthDate.slice(5) ? years - 1 : years);
}

/** `First Last (email)`, the title that links to a profile show. */
export function profileTitle(values: Values): string {
  const name = joined(text(values, "firstName"), text(values, "lastName"));
  const email = text(values, "email");
  return email === "" ? name : joined(name, `(${email})`);
}

function profile(values: Values, cryptedId: string, now: number): Computed {
  const lines = [
    joined(text(values, "firstName"), text(values, "lastName").toUpperCase()),
    text(values, "location.address1"),
    text(values, "location.address2"),
    text(values, "location.address3"),
    text(values, "location.address4"),
    joined(text(values, "location.zipCode"), text(values, "location.city")),
  ];
  const computed: Computed = {
    age: ageOn(text(values, "birthDate"), now),
    cryptedId,
    domain: text(values, "email").split("@")[1] ?? "",
    title: profileTitle(values),
    "postalAddress.addrDefined": lines.slice(1).some((line) => line !== ""),
    "postalAddress.addrQuality": "0",
    "postalAddress.serialized": lines.join("\n"),
  };
  for (const [index, line] of lines.entries()) computed[`postalAddress.line${index + 1}`] = line;
  return computed;
}

/** Title of any record, as links show it: `Brand 4 (brand4)`, or its key where the resource names no title fields. */
export function titleOf(resource: Resource, values: Values): string {
  if (resource.name === "profile") return profileTitle(values);
  const { title, keys } = resource.definition;
  if (title === undefined) return (keys[0]?.fields ?? []).map((path) => text(values, path)).join(" ");
  const [main, sub] = title.map((path) => text(values, path));
  return sub === "" ? (main ?? "") : `${main} (${sub})`;
}

/** Everything computed of one record. `now` is in milliseconds: ages grow. */
export function computedOf(resource: Resource, id: number, values: Values, keys: OpaqueKeys, now: number): Computed {
  const computed: Computed =
    resource.name === "profile"
      ? profile(values, Buffer.from(keys.uuid("cryptedId", id)).toString("base64"), now)
      : { title: titleOf(resource, values) };
  if (resource.definition.automaticId) computed.acsId = keys.uuid(resource.name, id);
  return computed;
}
