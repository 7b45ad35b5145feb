// What Dataverse says of tables and columns (facts/dataverse.md §9.1). Implements the port MetadataSource; what a mapping makes of it is
// mapping/with-metadata.ts.

import { z } from "zod";
import { MalformedError } from "../errors.js";
import type { MetadataSource } from "../flows/ports.js";
import type { ColumnType } from "../mapping/table-mapping.js";
import type { ColumnMetadata, OptionMetadata, TableMetadata } from "../mapping/table-metadata.js";
import type { DataverseClient } from "./client.js";

const tableSchema = z.object({
  LogicalName: z.string(),
  EntitySetName: z.string(),
  PrimaryIdAttribute: z.string(),
  ChangeTrackingEnabled: z.boolean(),
  CanChangeTrackingBeEnabled: z.object({ Value: z.boolean() }),
});
const columnSchema = z.object({
  LogicalName: z.string(),
  AttributeType: z.string().nullish(),
  AttributeTypeName: z.object({ Value: z.string() }).nullish(),
  IsValidForRead: z.boolean(),
});
const labelSchema = z.object({
  LocalizedLabels: z.array(z.object({ Label: z.string(), LanguageCode: z.number() })).nullish(),
});
const optionSchema = z.object({ Value: z.number(), Label: labelSchema.nullish() });
const optionSetSchema = z.object({
  Options: z.array(optionSchema).nullish(),
  FalseOption: optionSchema.nullish(),
  TrueOption: optionSchema.nullish(),
});
const detailSchema = z.object({
  LogicalName: z.string(),
  MaxLength: z.number().nullish(),
  Format: z.string().nullish(),
  DateTimeBehavior: z.object({ Value: z.string() }).nullish(),
  Targets: z.array(z.string()).nullish(),
  OptionSet: optionSetSchema.nullish(),
  GlobalOptionSet: optionSetSchema.nullish(),
});
type Detail = z.infer<typeof detailSchema>;

/** Kinds of columns by their `AttributeTypeName` without `Type`, and what a mapping calls them. */
const types: Readonly<Record<string, ColumnType>> = {
  Uniqueidentifier: "id",
  String: "string",
  Memo: "string",
  EntityName: "string",
  Integer: "integer",
  BigInt: "integer",
  Decimal: "decimal",
  Double: "decimal",
  Money: "money",
  Boolean: "boolean",
  DateTime: "datetime",
  Picklist: "choice",
  State: "choice",
  Status: "choice",
  MultiSelectPicklist: "choices",
  Lookup: "lookup",
  Customer: "lookup",
  Owner: "lookup",
};

const optionSets = "$select=LogicalName&$expand=OptionSet,GlobalOptionSet";

/** Properties that only a cast to the column's own kind shows: which cast, what to ask, for which kinds. */
const casts: readonly { cast: string; query: string; kinds: readonly string[] }[] = [
  { cast: "String", query: "$select=LogicalName,MaxLength", kinds: ["String"] },
  { cast: "Memo", query: "$select=LogicalName,MaxLength", kinds: ["Memo"] },
  { cast: "DateTime", query: "$select=LogicalName,Format,DateTimeBehavior", kinds: ["DateTime"] },
  { cast: "Lookup", query: "$select=LogicalName,Targets", kinds: ["Lookup", "Customer", "Owner"] },
  ...["Picklist", "MultiSelectPicklist", "State", "Status", "Boolean"].map((kind) => ({
    cast: kind,
    query: optionSets,
    kinds: [kind],
  })),
];

/** Reads metadata of one environment: one request for all tables, one a table for its columns, one for each kind of column that is wanted. */
export function makeMetadataSource(client: DataverseClient): MetadataSource {
  const list = async <T>(operation: string, path: string, schema: z.ZodType<T>): Promise<T[]> => {
    const parsed = z.object({ value: z.array(schema) }).safeParse(await client.json({ operation, path }));
    if (parsed.success) return parsed.data.value;
    throw new MalformedError(`Dataverse's answer to ${operation} lacks ${parsed.error.issues[0]?.path.join(".")}`);
  };

  const readColumns = async (
    table: string,
    wanted: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, ColumnMetadata>> => {
    const operation = `read the columns of ${table}`;
    const root = `EntityDefinitions(LogicalName='${table}')/Attributes`;
    const query = "$select=LogicalName,AttributeType,AttributeTypeName,IsValidForRead";
    const columns = (await list(operation, `${root}?${query}`, columnSchema)).filter((column) =>
      wanted.has(column.LogicalName),
    );
    const kinds = new Set(columns.map(kindOf));
    const asked = casts.filter((cast) => cast.kinds.some((kind) => kinds.has(kind)));
    const answers = await Promise.all(
      asked.map((cast) =>
        list(operation, `${root}/Microsoft.Dynamics.CRM.${cast.cast}AttributeMetadata?${cast.query}`, detailSchema),
      ),
    );
    const details = new Map(answers.flat().map((detail) => [detail.LogicalName, detail]));
    return new Map(columns.map((column) => [column.LogicalName, toColumn(column, details.get(column.LogicalName))]));
  };

  return {
    async tables(wanted) {
      if (wanted.size === 0) return new Map();
      const filter = [...wanted.keys()].map((name) => `LogicalName eq '${name}'`).join(" or ");
      const members = Object.keys(tableSchema.shape).join(",");
      const path = `EntityDefinitions?$select=${members}&$filter=${encodeURIComponent(filter)}`;
      const found: [string, TableMetadata][] = [];
      for (const table of await list("read tables", path, tableSchema)) {
        const columns = await readColumns(table.LogicalName, wanted.get(table.LogicalName) ?? new Set());
        found.push([table.LogicalName, toTable(table, columns)]);
      }
      return new Map(found);
    },
  };
}

function toTable(table: z.infer<typeof tableSchema>, columns: TableMetadata["columns"]): TableMetadata {
  const possible = table.CanChangeTrackingBeEnabled.Value ? "off" : "impossible";
  return {
    name: table.LogicalName,
    set: table.EntitySetName,
    id: table.PrimaryIdAttribute,
    changeTracking: table.ChangeTrackingEnabled ? "on" : possible,
    columns,
  };
}

/** `AttributeType` calls multi-selects and images Virtual; only the other name tells them. */
function kindOf({ AttributeType, AttributeTypeName }: z.infer<typeof columnSchema>): string {
  return (AttributeTypeName?.Value ?? AttributeType ?? "").replace(/Type$/, "");
}

function toColumn(column: z.infer<typeof columnSchema>, detail: Detail | undefined): ColumnMetadata {
  const kind = kindOf(column);
  const behaviour = behaviours[detail?.DateTimeBehavior?.Value ?? ""];
  const options = detail && toOptions(detail);
  return {
    type: types[kind],
    kind,
    readable: column.IsValidForRead,
    ...(typeof detail?.MaxLength === "number" && { maxLength: detail.MaxLength }),
    ...(options && { options }),
    ...(detail?.Targets && { targets: detail.Targets }),
    ...(behaviour && { behaviour }),
    ...(kind === "DateTime" && { showsDayOnly: detail?.Format === "DateOnly" || behaviour === "dateOnly" }),
  };
}

const behaviours: Readonly<Record<string, NonNullable<ColumnMetadata["behaviour"]>>> = {
  UserLocal: "userLocal",
  DateOnly: "dateOnly",
  TimeZoneIndependent: "timeZoneIndependent",
};

function toOptions({ OptionSet, GlobalOptionSet }: Detail): OptionMetadata[] | undefined {
  for (const set of [OptionSet, GlobalOptionSet]) {
    const options = set?.Options ?? [set?.FalseOption, set?.TrueOption].filter((option) => !!option);
    if (options.length > 0) return options.map(toOption);
  }
  return undefined;
}

function toOption({ Value, Label }: z.infer<typeof optionSchema>): OptionMetadata {
  const labels = (Label?.LocalizedLabels ?? []).map(({ LanguageCode, Label: text }) => [LanguageCode, text] as const);
  return { value: Value, labels: new Map(labels) };
}
