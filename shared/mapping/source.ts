// What a field's value is made of: a column, or a small expression over columns. The shape only; evaluating it is evaluate.ts.

import { z } from "zod";

/** Logical name of a Dataverse table or column. */
export const columnName = z
  .string()
  .regex(
    /^(?!(constructor|__proto__)$)[a-z_][a-z0-9_]*$/,
    "must be the logical name of a table or column, in lower case",
  )
  .max(128);

/** A value that can be written into a document. */
export const scalar = z.union([z.string(), z.number(), z.boolean()]);
/** See `scalar`; `null` is an empty value. */
export type Constant = string | number | boolean | null;

const columnSourceSchema = z.strictObject({
  column: columnName.describe("Logical name of the column, listed under columns."),
  as: z
    .enum(["value", "label", "name", "type"])
    .optional()
    .describe(
      "value: technical value. label: label of a choice or boolean. name: primary name of the row a lookup points to. type: that row's table.",
    ),
  target: columnName
    .optional()
    .describe("Lookups only: empty unless the lookup points to this table (for lookups with several target tables)."),
  separator: z.string().max(20).optional().describe("Multi-select only: what stands between two of them."),
});
/** A column, and what of it: see the descriptions in the schema. */
export type ColumnSource = z.infer<typeof columnSourceSchema>;

/** A field's value, from a column or a small expression over columns. */
export type Source =
  | ColumnSource
  | { constant: string | number | boolean }
  | { first: Source[] }
  | { concat: Source[]; separator: string }
  | { trim: Source }
  | { upper: Source }
  | { lower: Source }
  | { title: Source }
  | Translation;

/** Other values for exact values; those that have none become `otherwise` or, without it, stay what they are. */
export interface Translation {
  translate: Source;
  values: Record<string, Constant>;
  otherwise?: Constant | undefined;
}

/** See `Source`. */
export const sourceSchema: z.ZodType<Source> = z
  .lazy(() =>
    z.union([
      columnSourceSchema,
      z.strictObject({ constant: scalar }).describe("The same value for every row."),
      z.strictObject({ first: z.array(sourceSchema).min(1).max(10) }).describe("The first that is not empty."),
      z
        .strictObject({ concat: z.array(sourceSchema).min(1).max(10), separator: z.string().max(20) })
        .describe("All that are not empty, joined."),
      z.strictObject({ trim: sourceSchema }).describe("Without blanks at either end."),
      z.strictObject({ upper: sourceSchema }).describe("In capital letters."),
      z.strictObject({ lower: sourceSchema }).describe("In small letters."),
      z.strictObject({ title: sourceSchema }).describe("Every word with a capital letter first, small ones after it."),
      z
        .strictObject({
          translate: sourceSchema,
          values: z.record(z.string(), scalar.nullable()),
          otherwise: scalar.nullable().optional(),
        })
        .describe("Other values for exact values (of a choice its technical value; null is the key of an empty one)."),
    ]),
  )
  .meta({ id: "source", description: "A column, or a small expression over columns." });

/** The sources inside a source. */
export function partsOf(source: Source): readonly Source[] {
  if ("first" in source) return source.first;
  if ("concat" in source) return source.concat;
  if ("trim" in source) return [source.trim];
  if ("upper" in source) return [source.upper];
  if ("lower" in source) return [source.lower];
  if ("title" in source) return [source.title];
  return "translate" in source ? [source.translate] : [];
}

/** Every column read by a source, with what of it. */
export function columnSourcesOf(source: Source): ColumnSource[] {
  return "column" in source ? [source] : partsOf(source).flatMap(columnSourcesOf);
}
