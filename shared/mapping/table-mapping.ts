// The shape of one table mapping: settings, data not code (design.md §3). Reading only; what it means is in compile.ts. The
// descriptions are what an editor shows (docs/table-mapping.schema.json is made of this file).

import { z } from "zod";
import { optOutAttributes, optOutDirections } from "../optout/attributes.js";
import { columnName, scalar, sourceSchema } from "./source.js";

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

const optionSchema = z.strictObject({ value: z.number().int(), label: z.string() });

const columnSchema = z.union([
  columnTypeSchema,
  z.strictObject({
    type: columnTypeSchema,
    maxLength: z.number().int().positive().optional().describe("Longest text the column holds."),
    options: z
      .array(optionSchema)
      .max(2_000)
      .optional()
      .describe("Options of a choice in the configured language; those of a boolean are 0 and 1."),
    targets: z.array(columnName).min(1).max(200).optional().describe("Tables a lookup can point to."),
    behaviour: z
      .enum(["userLocal", "dateOnly", "timeZoneIndependent"])
      .optional()
      .describe("Behaviour of a date column, as its metadata say."),
  }),
]);
/** A column's type, or all that its metadata say. */
export type ColumnEntry = z.infer<typeof columnSchema>;

const targetName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)?$/, "must be a Campaign field, dotted at most once")
  .max(100);

const linkSchema = z.strictObject({
  table: columnName.describe("The parent's table, mapped too."),
  cardinality: z.enum(["1", "0..1"]).describe("1: Campaign hides the record until its parent is there."),
  by: z
    .enum(["join", "key"])
    .describe(
      "join: target is the scalar column of a specific join. key: target is the link, written by the parent's key.",
    ),
  whenParentFilteredOut: z
    .enum(["unlinked", "withheld"])
    .optional()
    .describe(
      "What becomes of the record when a filter keeps its parent out of Campaign; withheld for cardinality 1, else unlinked.",
    ),
});
/** Where a lookup leads, and what Campaign needs there. */
export type Link = z.infer<typeof linkSchema>;

const fieldSchema = z.strictObject({
  source: sourceSchema,
  target: targetName.describe("Campaign field, dotted for nested items."),
  type: z
    .enum(["string", "integer", "float", "double", "boolean", "date", "datetime", "enumeration", "link"])
    .describe("Type of the Campaign field; link for a link by key."),
  size: z.enum(["byte", "short", "int32", "int64"]).optional().describe("Range of an integer field."),
  maxLength: z.number().int().positive().optional().describe("Longest text Campaign takes, in characters."),
  applyUpdates: z.boolean().default(true).describe("Off: written on insert, load and replay only."),
  replacements: z
    .record(z.string(), scalar)
    .default({})
    .describe(
      "Exact source value to another; of a choice always its technical value; null is the key of an empty one.",
    ),
  otherwise: scalar.optional().describe("What becomes of a source value that has no replacement."),
  misfit: z
    .enum(["fail", "truncate", "skip", "empty"])
    .default("fail")
    .describe("What becomes of a value that does not fit the target."),
  link: linkSchema.optional().describe("The lookup in source links the record to another table's."),
});
/** One field mapping. */
export type FieldMapping = z.infer<typeof fieldSchema>;

/** How two values are compared; which ones a column knows is in filter.ts. */
export const comparisonSchema = z.enum([
  "equals",
  "notEquals",
  "greater",
  "greaterOrEqual",
  "less",
  "lessOrEqual",
  "contains",
  "startsWith",
  "isEmpty",
  "isNotEmpty",
  "in",
]);
/** See `comparisonSchema`. */
export type Comparison = z.infer<typeof comparisonSchema>;

const conditionSchema = z.strictObject({
  column: columnName.describe("Any column listed under columns, mapped or not."),
  as: z.literal("type").optional().describe("Lookups only: compares the table that the lookup points to."),
  comparison: comparisonSchema,
  value: z
    .union([scalar, z.array(scalar).min(1).max(500)])
    .optional()
    .describe("Not for isEmpty; a list for in."),
});
/** One condition of a filter. */
export type Condition = z.infer<typeof conditionSchema>;

const addressSchema = z.discriminatedUnion("by", [
  z.strictObject({ by: z.literal("uri") }),
  z.strictObject({ by: z.literal("filter"), filter: z.string().min(1).max(30), parameter: z.string().min(1).max(60) }),
]);
/** How a Campaign record is found by its key: the key in the URI, or an identification filter (facts/campaign.md §4). */
export type KeyAddress = z.infer<typeof addressSchema>;

const optOutsSchema = z.strictObject({
  direction: z
    .enum(optOutDirections)
    .describe(
      "Whose choices count; both: opted out wins, unless Campaign's opt-in is surely newer (shared/optout/README.md).",
    ),
  attributes: z
    .partialRecord(z.enum(optOutAttributes), columnName)
    .describe("Campaign's attribute, by what it forbids, and the boolean column of the contact that forbids the same."),
  skewSeconds: z
    .number()
    .min(0)
    .max(3_600)
    .default(5)
    .describe("How far the clocks of both systems may be apart; nobody is opted in on a difference smaller than that."),
  evidence: z
    .enum(["record", "audit"])
    .default("record")
    .describe(
      "What proves when Dynamics opted somebody in: the record's last change, or the column's own in the audit history.",
    ),
});

/** One Dataverse table to one Campaign resource. */
export const tableMappingSchema = z.strictObject({
  $schema: z.string().optional().describe("For editors; means nothing."),
  v: z.literal(1),
  table: z.strictObject({ name: columnName, set: columnName, id: columnName }),
  resource: z.strictObject({
    api: z.enum(["profileAndServices", "profileAndServicesExt", "customResources"]),
    name: z.string().regex(/^[A-Za-z][A-Za-z0-9]*$/),
  }),
  key: z.strictObject({
    field: targetName.describe("Campaign field that holds the row's id."),
    address: addressSchema,
    deleteAddress: addressSchema
      .optional()
      .describe("DELETE by a key in the URI is not documented: this instance's own way, if it differs."),
  }),
  columns: z.record(columnName, columnSchema).describe("Every column the mapping reads: its type, or its metadata."),
  picklists: z
    .enum(["value", "label"])
    .default("value")
    .describe("What choices become: their technical value, or their label."),
  fields: z.array(fieldSchema).min(1).max(200),
  filters: z
    .strictObject({ join: z.enum(["and", "or"]), conditions: z.array(conditionSchema).min(1).max(50) })
    .optional()
    .describe("Which rows are wanted in Campaign, always and not only at first; without it all of them."),
  whenFilteredOut: z
    .enum(["delete", "leave"])
    .default("leave")
    .describe("What becomes of a Campaign record whose row the filters no longer accept."),
  applyDeletes: z.boolean().default(true).describe("Are rows deleted in Dynamics deleted in Campaign?"),
  optOuts: optOutsSchema
    .optional()
    .describe("Resource profile only: do-not-contact choices. Without it nothing touches them."),
});
/** See `tableMappingSchema`. */
export type TableMapping = z.infer<typeof tableMappingSchema>;
