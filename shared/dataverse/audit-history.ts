// What Dataverse's audit history says of one column of one row (Microsoft: "Retrieve the history of audited data changes"). It is asked only where the
// customer has auditing on and wants it as evidence (design.md §5). What that proves is optout/decide.ts.

import { z } from "zod";
import { MalformedError } from "../errors.js";
import type { TableMapping } from "../mapping/table-mapping.js";
import type { RecordId } from "../model/ids.js";
import type { DataverseClient } from "./client.js";

/** Audit history of one environment. Throws as DynamicsSource does; TableError: our user may not read it. */
export interface AuditHistory {
  /**
   * When somebody else than our own user last changed this boolean column from true to false (epoch ms). Undefined: the history does not say so, be it
   * that nobody did, that it is off, or that it is too old.
   */
  lastCleared(table: TableMapping["table"], id: RecordId, column: string): Promise<number | undefined>;
}

const whoAmISchema = z.object({ UserId: z.guid() });
const valuesSchema = z.record(z.string(), z.unknown()).nullish();
const detailSchema = z.object({
  OldValue: valuesSchema,
  NewValue: valuesSchema,
  // Microsoft's page says that it is left out over the Web API; users have seen it there.
  AuditRecord: z.object({ createdon: z.string(), _userid_value: z.string().nullish() }).nullish(),
});
type Detail = z.infer<typeof detailSchema>;
const historySchema = z.object({
  AuditDetailCollection: z.object({
    MoreRecords: z.boolean().optional(),
    PagingCookie: z.string().nullish(),
    AuditDetails: z.array(detailSchema),
  }),
});
const rowsSchema = z.object({
  value: z.array(z.object({ auditid: z.string(), createdon: z.string(), _userid_value: z.string().nullish() })),
});
const oneSchema = z.object({ AuditDetail: detailSchema });

const perPage = 100;
/** So many changes of one choice of one person are looked at, and so many rows of the record where changes come without their time. */
const mostPages = 5;
const mostRows = 100;

/** Reads one environment's history: one call a column, where changes come with their time. */
export function makeAuditHistory(client: DataverseClient): AuditHistory {
  let own: Promise<string> | undefined;
  const ownUser = (): Promise<string> => {
    own ??= read(client, whoAmISchema, "WhoAmI", "WhoAmI").then(({ UserId }) => UserId.toLowerCase());
    own.catch(() => {
      own = undefined;
    });
    return own;
  };

  return {
    async lastCleared(table, id, column) {
      const cleared = (await detailsOf(client, { table, id, column })).filter((detail) => isCleared(detail, column));
      if (cleared.length === 0) return undefined;
      const user = await ownUser();
      if (cleared.every(({ AuditRecord }) => AuditRecord)) {
        return latest(
          cleared.flatMap(({ AuditRecord }) => (AuditRecord ? [AuditRecord] : [])),
          user,
        );
      }
      return lastOfRows(client, { table, id, column }, user);
    },
  };
}

interface Asked {
  table: TableMapping["table"];
  id: RecordId;
  column: string;
}

async function detailsOf(client: DataverseClient, { table, id, column }: Asked): Promise<Detail[]> {
  const found: Detail[] = [];
  let cookie: string | undefined;
  for (let page = 1; page <= mostPages; page += 1) {
    const paging = {
      PageNumber: page,
      Count: perPage,
      ReturnTotalRecordCount: false,
      ...(cookie && { PagingCookie: cookie }),
    };
    const query = [
      `@t=${encodeURIComponent(JSON.stringify({ "@odata.id": `${table.set}(${id})` }))}`,
      `@a=${encodeURIComponent(`'${column}'`)}`,
      `@p=${encodeURIComponent(JSON.stringify(paging))}`,
    ].join("&");
    const path = `RetrieveAttributeChangeHistory(Target=@t,AttributeLogicalName=@a,PagingInfo=@p)?${query}`;
    const { AuditDetailCollection: answer } = await read(client, historySchema, `audit history of ${table.name}`, path);
    found.push(...answer.AuditDetails);
    if (!answer.MoreRecords) break;
    cookie = answer.PagingCookie ?? undefined;
  }
  return found;
}

/** The documented way to the times: the record's audit rows, newest first, and what each one changed. */
async function lastOfRows(
  client: DataverseClient,
  { table, id, column }: Asked,
  user: string,
): Promise<number | undefined> {
  const operation = `audit rows of ${table.name}`;
  const filter = encodeURIComponent(`_objectid_value eq ${id}`);
  const order = encodeURIComponent("createdon desc");
  const path = `audits?$select=auditid,createdon,_userid_value&$filter=${filter}&$orderby=${order}`;
  const { value } = await read(client, rowsSchema, operation, path);
  for (const row of value.slice(0, mostRows)) {
    const at = latest([row], user);
    if (at === undefined) continue;
    const details = `audits(${row.auditid})/Microsoft.Dynamics.CRM.RetrieveAuditDetails`;
    const { AuditDetail } = await read(client, oneSchema, operation, details);
    if (isCleared(AuditDetail, column)) return at;
  }
  return undefined;
}

/** A new row, a value that was never set and an event of the auditing itself have no old value. */
function isCleared({ OldValue, NewValue }: Detail, column: string): boolean {
  return OldValue?.[column] === true && NewValue?.[column] === false;
}

function latest(
  records: readonly { createdon: string; _userid_value?: string | null | undefined }[],
  ownUser: string,
): number | undefined {
  const byOthers = records.filter(({ _userid_value: user }) => user && user.toLowerCase() !== ownUser);
  if (byOthers.length === 0) return undefined;
  const at = Math.max(...byOthers.map(({ createdon }) => Date.parse(createdon)));
  if (Number.isNaN(at)) throw new MalformedError("Dataverse's audit history has a time that is none");
  return at;
}

async function read<T>(client: DataverseClient, schema: z.ZodType<T>, operation: string, path: string): Promise<T> {
  const parsed = schema.safeParse(await client.json({ operation, path }));
  if (parsed.success) return parsed.data;
  const member = parsed.error.issues[0]?.path.join(".") || "body";
  throw new MalformedError(`Dataverse's answer to ${operation} is not what it should be: ${member} is wrong`);
}
