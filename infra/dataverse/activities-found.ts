// Activity tables as they are in Dynamics, and whether rows of ours fit into them (facts/dataverse.md §9.1).

import { z } from "zod";
import type { ActivityTable, ActivityTables, TextColumn } from "../../shared/dataverse/activity-tables.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { eventTypes } from "../../shared/model/email-event.js";

/** A table as it is. `lengths` of its text columns. */
export interface FoundTable {
  set: string;
  isActivity: boolean;
  /** Kinds of columns by name, as `StringType`. */
  columns: ReadonlyMap<string, string>;
  lengths: ReadonlyMap<string, number>;
}

const tableSchema = z.object({ LogicalName: z.string(), EntitySetName: z.string(), IsActivity: z.boolean() });
const columnSchema = z.object({
  LogicalName: z.string(),
  AttributeTypeName: z.object({ Value: z.string() }).nullish(),
});
const lengthSchema = z.object({ LogicalName: z.string(), MaxLength: z.number().nullish() });
const relationSchema = z.object({
  ReferencedEntity: z.string(),
  ReferencingAttribute: z.string(),
  ReferencingEntityNavigationPropertyName: z.string(),
});

/** The table, or undefined when there is none of this name. */
export async function findTable(client: DataverseClient, name: string): Promise<FoundTable | undefined> {
  const select = "$select=LogicalName,EntitySetName,IsActivity";
  const [table] = await read(client, `EntityDefinitions?${select}&$filter=LogicalName eq '${name}'`, tableSchema);
  if (!table) return undefined;
  const path = `EntityDefinitions(LogicalName='${name}')/Attributes`;
  const columns = await read(client, `${path}?$select=LogicalName,AttributeTypeName`, columnSchema);
  const cast = "Microsoft.Dynamics.CRM.StringAttributeMetadata";
  const lengths = await read(client, `${path}/${cast}?$select=LogicalName,MaxLength`, lengthSchema);
  return {
    set: table.EntitySetName,
    isActivity: table.IsActivity,
    columns: new Map(columns.map((column) => [column.LogicalName, column.AttributeTypeName?.Value ?? ""])),
    lengths: new Map(lengths.map(({ LogicalName, MaxLength }) => [LogicalName, MaxLength ?? 0])),
  };
}

/** What keeps events from being written into these tables, each in a sentence with its cure; none: they fit. */
export async function checkActivityTables(client: DataverseClient, tables: ActivityTables): Promise<string[]> {
  const problems: string[] = [];
  for (const type of eventTypes) {
    const table = tables[type];
    const found = await findTable(client, table.name);
    if (!found) {
      problems.push(
        `table ${table.name} for events of type ${type} is not there: run npm run dataverse:apply -- --activities`,
      );
      continue;
    }
    problems.push(...misfits(table, found), ...(await wrongRegarding(client, table)));
  }
  return problems;
}

const textColumns: readonly TextColumn[] = ["subject", "campaignName", "deliveryName", "trackingUrl", "mirrorPageUrl"];

function misfits(table: ActivityTable, found: FoundTable): string[] {
  const { name, set, columns, longest } = table;
  const problems: string[] = [];
  if (!found.isActivity) problems.push(`table ${name} is no activity table: name another one in the settings`);
  if (found.set !== set)
    problems.push(`the set of table ${name} is called ${found.set}, not ${set}: say so in the settings`);
  const check = (column: string, kinds: readonly string[]): boolean => {
    const kind = found.columns.get(column);
    if (kind !== undefined && kinds.includes(kind)) return true;
    const is = kind === undefined ? "is not there" : `is of ${kind}, not ${kinds.join(" or ")}`;
    problems.push(`column ${column} of table ${name} ${is}: name another one in the settings, or "" for none`);
    return false;
  };
  for (const key of textColumns) {
    const column = columns[key];
    if (column === "" || !check(column, ["StringType", "MemoType"])) continue;
    const length = found.lengths.get(column);
    if (length === undefined || length >= longest[key]) continue;
    problems.push(
      `column ${column} of table ${name} holds ${length} characters, not ${longest[key]}: say so in the settings, or run npm run dataverse:apply -- --activities`,
    );
  }
  if (columns.date !== "") check(columns.date, ["DateTimeType"]);
  return problems;
}

async function wrongRegarding(client: DataverseClient, { name, regarding }: ActivityTable): Promise<string[]> {
  const select = "$select=ReferencedEntity,ReferencingAttribute,ReferencingEntityNavigationPropertyName";
  const path = `EntityDefinitions(LogicalName='${name}')/ManyToOneRelationships?${select}`;
  const contact = (await read(client, path, relationSchema)).find(
    ({ ReferencedEntity, ReferencingAttribute }) =>
      ReferencedEntity === "contact" && ReferencingAttribute === "regardingobjectid",
  );
  const found = contact?.ReferencingEntityNavigationPropertyName;
  if (found === regarding) return [];
  return [
    found === undefined
      ? `rows of table ${name} cannot be set regarding a contact`
      : `the lookup of table ${name} to its contact is called ${found}, not ${regarding}: say so in the settings`,
  ];
}

/** Strong: what was made a moment ago is to be seen (facts/dataverse.md §3). */
async function read<T>(client: DataverseClient, path: string, item: z.ZodType<T>): Promise<T[]> {
  const headers = { consistency: "Strong" };
  return z.object({ value: z.array(item) }).parse(await client.json({ operation: "read definitions", path, headers }))
    .value;
}
