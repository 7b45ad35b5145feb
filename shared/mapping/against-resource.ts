// A mapping held against what Campaign says of its resource (facts/campaign.md §6). Warnings only: how Campaign spells all of it is not confirmed,
// and what it refuses becomes a failure that names the field. Pure; reading the metadata is campaign/metadata.ts.

import { namesIn } from "../optout/wire-names.js";
import type { MappingProblem } from "./problem.js";
import type { FieldMapping, TableMapping } from "./table-mapping.js";

/** What Campaign says of one field. */
export interface ResourceField {
  /** Its technical type, or `enumeration`. */
  type: string;
  /** Characters a text takes; 0 where it has no length. */
  length: number;
  readOnly: boolean;
}

/** The fields of a resource, those of nested items dotted: `location.city`. */
export type ResourceFields = ReadonlyMap<string, ResourceField>;

/** Where the mapping writes what Campaign does not have, or has otherwise. `known` undefined: Campaign has no such resource. */
export function resourceWarnings(
  { resource, key, fields, optOuts }: TableMapping,
  known: ResourceFields | undefined,
): MappingProblem[] {
  if (!known) {
    const problem = `Campaign has no resource ${resource.name} under ${resource.api}`;
    return [
      { path: "resource.name", problem, fix: "correct its name, or publish the resource in Campaign with its API" },
    ];
  }
  const unknown = (path: string, field: string): MappingProblem => ({
    path,
    problem: `Campaign's ${resource.name} has no field ${field}`,
    fix: "correct its name, or add the field in Campaign and publish",
  });
  return [
    ...(known.has(key.field) ? [] : [unknown("key.field", key.field)]),
    ...fields.flatMap((field, index) => {
      const path = `fields[${index}]`;
      const found = known.get(field.target);
      return found ? fieldWarnings(field, path, found) : [unknown(`${path}.target`, field.target)];
    }),
    ...(optOuts && optOuts.direction !== "disabled" ? optOutWarnings(optOuts, resource.name, known) : []),
  ];
}

/** An attribute that the instance lacks is refused, contact by contact, whenever it is to be written. */
function optOutWarnings(
  { attributes }: NonNullable<TableMapping["optOuts"]>,
  resource: string,
  known: ResourceFields,
): MappingProblem[] {
  const names = namesIn((name) => known.has(name));
  return Object.keys(attributes)
    .filter((attribute) => ![...names.keys()].some((name) => name === attribute))
    .map((attribute) => ({
      path: `optOuts.attributes.${attribute}`,
      problem: `Campaign's ${resource} has no opt-out ${attribute}`,
      fix: "take it out, or ask Adobe for the attribute and publish",
    }));
}

function fieldWarnings(field: FieldMapping, path: string, known: ResourceField): MappingProblem[] {
  const { target, type, maxLength } = field;
  if (known.readOnly) {
    const problem = `${target} is read-only in Campaign`;
    return [{ path: `${path}.target`, problem, fix: "choose a field that can be written" }];
  }
  const fits = typesOf[type];
  if (allTypes.has(known.type) && !fits.includes(known.type)) {
    const problem = `${target} is of type ${known.type} in Campaign`;
    return [{ path: `${path}.type`, problem, fix: "choose the type that Campaign has" }];
  }
  if (type !== "string" || known.type !== "string" || known.length === 0 || (maxLength ?? Infinity) <= known.length)
    return [];
  const problem = `${target} takes ${known.length} characters in Campaign`;
  return [
    { path: `${path}.maxLength`, problem, fix: `write ${known.length}, and what becomes of longer ones under misfit` },
  ];
}

/** Technical types of Campaign into which each type of a mapping goes. */
const typesOf: Readonly<Record<FieldMapping["type"], readonly string[]>> = {
  string: ["string", "enumeration"],
  enumeration: ["enumeration", "string"],
  integer: ["byte", "short", "long", "int64", "float", "double"],
  float: ["float", "double"],
  double: ["float", "double"],
  boolean: ["boolean"],
  date: ["date", "datetime"],
  datetime: ["datetime"],
  link: ["link"],
};
/** Others, and other spellings, nobody has seen: nothing is said of them. */
const allTypes: ReadonlySet<string> = new Set([...Object.values(typesOf).flat(), "item", "collection"]);
