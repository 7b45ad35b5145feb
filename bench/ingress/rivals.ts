// The mapping of a contact to a profile in three public mapping libraries, as their documentation would have one write it. What
// is measured with them is mapping.ts.

import { createRequire } from "node:module";

/** One row mapped; jsonata answers a promise. */
export type MapOne = (row: object) => object | Promise<object>;

/** Column → field of everything that is text or a date in the shipped mapping; gender is translated. */
const copied: readonly (readonly [column: string, field: string])[] = [
  ["salutation", "salutation"],
  ["firstname", "firstName"],
  ["middlename", "middleName"],
  ["lastname", "lastName"],
  ["emailaddress1", "email"],
  ["mobilephone", "mobilePhone"],
  ["telephone1", "phone"],
  ["fax", "fax"],
  ["birthdate", "birthDate"],
  ["address1_line1", "location.address1"],
  ["address1_line2", "location.address2"],
  ["address1_line3", "location.address3"],
  ["address1_city", "location.city"],
  ["address1_postalcode", "location.zipCode"],
];

const load = createRequire(import.meta.url);

/** `object-mapper`: empty texts as its `default`, gender by a function of ours, which is compiled code. */
export function makeObjectMapper(): MapOne {
  const merge = load("object-mapper") as (source: object, map: object) => object;
  const map = {
    ...Object.fromEntries(copied.map(([column, field]) => [column, { key: field.replace(".", "\\."), default: "" }])),
    gendercode: {
      key: "gender",
      transform: (value: unknown) => (value === 1 ? "male" : value === 2 ? "female" : "unknown"),
    },
  };
  return (row) => merge(row, map);
}

/** `jsonata`: one expression, parsed once. */
export function makeJsonata(): MapOne {
  const jsonata = load("jsonata") as (expression: string) => { evaluate(input: object): Promise<object> };
  const texts = copied.map(([column, field]) => `"${field}": ${column} = null ? "" : ${column}`);
  const gender = `"gender": gendercode = 1 ? "male" : gendercode = 2 ? "female" : "unknown"`;
  const expression = jsonata(`{ ${[...texts, gender].join(", ")} }`);
  return (row) => expression.evaluate(row);
}

/**
 * The mapping kit of `@segment/actions-core`, which is what a user of Segment's destinations writes. `@if` cannot answer an empty text, `@template`
 * can; it has no table of values, so gender is two replacements.
 */
export function makeMappingKit(): MapOne {
  const { transform } = load("@segment/actions-core/mapping-kit") as {
    transform(mapping: object, data: object): object;
  };
  const mapping = {
    ...Object.fromEntries(copied.map(([column, field]) => [field, { "@template": `{{${column}}}` }])),
    gender: {
      "@if": {
        exists: { "@path": "$.gendercode" },
        // biome-ignore lint/suspicious/noThenProperty: the mapping kit's own word
        then: {
          "@replace": {
            value: { "@path": "$.gendercode" },
            pattern: "1",
            replacement: "male",
            pattern2: "2",
            replacement2: "female",
          },
        },
        else: "unknown",
      },
    },
  };
  return (row) => transform(mapping, row);
}
