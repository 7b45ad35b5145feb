// Writes docs/table-mapping.schema.json, by which editors help with table mappings, from the schema that reads them.
// node --import tsx infra/mapping-schema.ts; with --check it writes nothing and fails when the file is stale.

import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { tableMappingSchema } from "../shared/mapping/table-mapping.js";

/** Where the JSON Schema lies, from the repository's root. */
export const mappingSchemaPath = "docs/table-mapping.schema.json";

/** Text of the JSON Schema of a table mapping document as a person writes it: members with a default may be left out. */
export function mappingSchemaFile(): string {
  const { $schema, ...schema } = z.toJSONSchema(tableMappingSchema, { io: "input" });
  const title = "Table mapping: what the columns of a Dataverse table become in a Campaign resource";
  return `${print({ $schema, title, ...schema }, "")}\n`;
}

const lineWidth = 120;

/** JSON as our formatter writes it: lists of plain values stay on one line where they and a comma fit after `before`. */
export function print(value: unknown, indent: string, before = indent): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const line = `[${value.map((item) => JSON.stringify(item)).join(", ")}]`;
    const isPlain = value.every((item) => typeof item !== "object");
    if (isPlain && before.length + line.length < lineWidth) return line;
    return `[\n${value.map((item) => inner + print(item, inner)).join(",\n")}\n${indent}]`;
  }
  const members = Object.entries(value).map(([key, member]) => {
    const start = `${inner}${JSON.stringify(key)}: `;
    return start + print(member, inner, start);
  });
  return members.length === 0 ? "{}" : `{\n${members.join(",\n")}\n${indent}}`;
}

if (process.argv[1]?.endsWith("mapping-schema.ts")) {
  if (!process.argv.includes("--check")) writeFileSync(mappingSchemaPath, mappingSchemaFile());
  else if (readFileSync(mappingSchemaPath, "utf8") !== mappingSchemaFile()) {
    console.error(`${mappingSchemaPath} is not what shared/mapping/table-mapping.ts says: run infra/mapping-schema.ts`);
    process.exitCode = 1;
  }
}
