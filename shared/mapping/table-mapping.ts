// The shape of one table mapping: settings, data not code (design.md §3). Reading only; what it means is in compile.ts.

import { z } from "zod";

/** What kind of Dataverse column a source is; decides how its wire value is read (dataverse/column-value.ts). */
export const columnTypeSchema = z.enum([
  "id",
  "string",
  "integer",
  "decimal",
  "boolean",
  "date",
  "datetime",
  "choice",
  "choices",
  "money",
  "lookup",
]);
/** See `columnTypeSchema`. */
export type ColumnType = z.infer<typeof columnTypeSchema>;

const columnName = z
  .string()
  .regex(/^[a-z_][a-z0-9_]*$/, "must be the logical name of a column, in lower case")
  .max(128);
const targetName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)?$/, "must be a Campaign field, dotted at most once")
  .max(100);

/** A field's value, from a column or a small expression over columns. */
export type Source =
  | { column: string }
  | { constant: string | number | boolean }
  | { first: Source[] }
  | { concat: Source[]; separator: string }
  | { trim: Source };

const sourceSchema: z.ZodType<Source> = z.lazy(() =>
  z.union([
    z.strictObject({ column: columnName }),
    z.strictObject({ constant: z.union([z.string(), z.number(), z.boolean()]) }),
    z.strictObject({ first: z.array(sourceSchema).min(1).max(10) }),
    z.strictObject({ concat: z.array(sourceSchema).min(1).max(10), separator: z.string().max(20) }),
    z.strictObject({ trim: sourceSchema }),
  ]),
);

const fieldSchema = z.strictObject({
  source: sourceSchema,
  target: targetName,
  type: z.enum(["string", "integer", "float", "boolean", "date", "datetime", "enumeration"]),
  /** Longest text Campaign takes, in characters. */
  maxLength: z.number().int().positive().optional(),
  /** Off: written on insert, load and replay only. */
  applyUpdates: z.boolean().default(true),
  /** Exact source value → value to write instead; `null` is the key for an empty source. */
  replacements: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  /** What becomes of a source value that has no replacement, where there are replacements. */
  otherwise: z.union([z.string(), z.number(), z.boolean()]).optional(),
  /** What becomes of a value that does not fit the target. */
  misfit: z.enum(["fail", "truncate", "skip", "empty"]).default("fail"),
});
/** One field mapping. */
export type FieldMapping = z.infer<typeof fieldSchema>;

const addressSchema = z.discriminatedUnion("by", [
  z.strictObject({ by: z.literal("uri") }),
  z.strictObject({ by: z.literal("filter"), filter: z.string().min(1).max(30), parameter: z.string().min(1).max(60) }),
]);
/** How a Campaign record is found by its key: the key in the URI, or an identification filter (facts/campaign.md §4). */
export type KeyAddress = z.infer<typeof addressSchema>;

/** One Dataverse table to one Campaign resource. */
export const tableMappingSchema = z.strictObject({
  v: z.literal(1),
  table: z.strictObject({ name: columnName, set: columnName, id: columnName }),
  resource: z.strictObject({
    api: z.enum(["profileAndServices", "profileAndServicesExt", "customResources"]),
    name: z.string().regex(/^[A-Za-z][A-Za-z0-9]*$/),
  }),
  key: z.strictObject({
    /** Campaign field that holds the row's id. */
    field: targetName,
    address: addressSchema,
    /** DELETE by a key in the URI is not documented (facts/campaign.md §4): this instance's own way, if it differs. */
    deleteAddress: addressSchema.optional(),
  }),
  /** Type of every column the mapping reads. */
  columns: z.record(columnName, columnTypeSchema),
  fields: z.array(fieldSchema).min(1).max(200),
  /** Are rows deleted in Dynamics deleted in Campaign? */
  applyDeletes: z.boolean().default(true),
});
/** See `tableMappingSchema`. */
export type TableMapping = z.infer<typeof tableMappingSchema>;
