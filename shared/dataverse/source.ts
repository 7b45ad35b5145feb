// Reading tables of Dataverse: rows, pages, changes (facts/dataverse.md §3, §4). Implements the port DynamicsSource.

import { z } from "zod";
import { MalformedError, RefusedError, TableError } from "../errors.js";
import type { DynamicsSource, RowPage, TrackedPage, VersionedRow } from "../flows/ports.js";
import { parseSameOriginLink } from "../http/link.js";
import type { CompiledMapping } from "../mapping/compile.js";
import { parseRecordId, parseRowVersion, type RecordId, type RowVersion } from "../model/ids.js";
import type { DataverseClient } from "./client.js";
import { selectName } from "./column-value.js";
import { annotationPreferences, rowFromWebApi } from "./to-row.js";

const trackedPageSize = 5_000;
const rowSchema = z.record(z.string(), z.unknown());
const listSchema = z.object({
  value: z.array(rowSchema),
  "@odata.nextLink": z.string().optional(),
  "@odata.deltaLink": z.string().optional(),
});
const whoAmISchema = z.object({ OrganizationId: z.guid() });

/** Reads one environment through its Web API. */
export function makeDynamicsSource(client: DataverseClient): DynamicsSource {
  const list = async (operation: string, path: string | URL, prefer: string[]) =>
    parse(listSchema, await client.json({ operation, path, prefer }), operation);
  const onward = (link: string): URL => parseSameOriginLink(link, client.root);

  return {
    async organizationId() {
      const answer = await client.json({ operation: "WhoAmI", path: "WhoAmI" });
      return parse(whoAmISchema, answer, "WhoAmI").OrganizationId.toLowerCase();
    },

    async fetchRow(mapping, id) {
      const operation = `read ${mapping.table.name}`;
      const path = `${mapping.table.set}(${id})?$select=${timedSelectList(mapping)}`;
      const answer = parse(
        rowSchema,
        await client.json({ operation, path, prefer: annotationPreferences(mapping) }),
        operation,
      );
      return toTimedRow(mapping, answer);
    },

    async fetchRows(mapping, ids) {
      if (ids.length === 0) return [];
      const { set, id, name } = mapping.table;
      const path = `${set}?$select=${timedSelectList(mapping)}&$filter=${idFilter(id, ids)}`;
      const page = await list(`read ${name} by ids`, path, annotationPreferences(mapping));
      return page.value.map((row) => toTimedRow(mapping, row));
    },

    async existing(mapping, ids) {
      if (ids.length === 0) return new Set();
      const { set, id, name } = mapping.table;
      const page = await list(`look for ${name} by ids`, `${set}?$select=${id}&$filter=${idFilter(id, ids)}`, []);
      return new Set(page.value.map((row) => parseRecordId(row[id])));
    },

    async readChanges(mapping, link) {
      const { set, id, name } = mapping.table;
      const path = link === undefined ? `${set}?$select=${id},versionnumber` : onward(link);
      const prefer = ["odata.track-changes", `odata.maxpagesize=${trackedPageSize}`];
      try {
        return toTrackedPage(mapping, await list(`read changes of ${name}`, path, prefer));
      } catch (error) {
        if (!(error instanceof RefusedError) || error.code !== notTracked) throw error;
        const fix = "switch it on with npm run dataverse:apply";
        throw new TableError(`change tracking is off for table ${name}: ${fix}`, error.code, error.context);
      }
    },

    async readPage(mapping, cursor, pageSize) {
      const path = cursor === undefined ? `${mapping.table.set}?$select=${selectList(mapping)}` : onward(cursor);
      const page = await list(`read all ${mapping.table.name}`, path, [
        `odata.maxpagesize=${pageSize}`,
        ...annotationPreferences(mapping),
      ]);
      const next = page["@odata.nextLink"];
      const rows = page.value.map((row) => toRow(mapping, row));
      return { rows, ...(next !== undefined && { next }) } satisfies RowPage;
    },
  };
}

function parse<T>(schema: z.ZodType<T>, body: unknown, operation: string): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new MalformedError(`Dataverse's answer to ${operation} lacks ${parsed.error.issues[0]?.path.join(".")}`);
}

/** Vendor code of a tracked read of a table that is not tracked (facts/dataverse.md §4). */
const notTracked = "0x80060888";

function idFilter(column: string, ids: readonly RecordId[]): string {
  return encodeURIComponent(
    `Microsoft.Dynamics.CRM.In(PropertyName='${column}',PropertyValues=${JSON.stringify(ids)})`,
  );
}

function selectList({ columns }: CompiledMapping): string {
  const names = Object.entries(columns).map(([column, type]) => selectName(column, type));
  return [...names, "versionnumber"].join(",");
}

/** Whoever compares opt-outs needs to know when the row changed. */
function timedSelectList(mapping: CompiledMapping): string {
  return mapping.optOuts ? `${selectList(mapping)},modifiedon,createdon` : selectList(mapping);
}

function toTimedRow(mapping: CompiledMapping, json: Record<string, unknown>): VersionedRow {
  const times = mapping.optOuts
    ? { changedAt: Date.parse(String(json.modifiedon)), createdAt: Date.parse(String(json.createdon)) }
    : {};
  const known = Object.entries(times).filter(([, at]) => !Number.isNaN(at));
  return { ...toRow(mapping, json), ...Object.fromEntries(known) };
}

function toRow(mapping: CompiledMapping, json: Record<string, unknown>): VersionedRow {
  const row = rowFromWebApi(mapping, json);
  return { id: parseRecordId(json[mapping.table.id]), version: versionOf(json), row };
}

/** The version number; its twin the ETag only where the number is not given or too large for a JSON number. */
function versionOf(json: Record<string, unknown>): RowVersion {
  const number = json.versionnumber;
  const exact = typeof number === "number" && !Number.isSafeInteger(number) ? undefined : parseRowVersion(number);
  const version = exact ?? parseRowVersion(json["@odata.etag"]);
  if (version === undefined) throw new MalformedError("a row of Dataverse has no version number");
  return version;
}

function toTrackedPage(mapping: CompiledMapping, page: z.infer<typeof listSchema>): TrackedPage {
  const isDeleted = (row: Record<string, unknown>): boolean =>
    row.reason !== undefined && row[mapping.table.id] === undefined;
  const next = page["@odata.nextLink"];
  const delta = page["@odata.deltaLink"];
  return {
    changed: page.value
      .filter((row) => !isDeleted(row))
      .map((row) => ({ id: parseRecordId(row[mapping.table.id]), version: versionOf(row) })),
    deleted: page.value.filter(isDeleted).map((row) => parseRecordId(row.id)),
    ...(next !== undefined && { next }),
    ...(delta !== undefined && { delta }),
  };
}
