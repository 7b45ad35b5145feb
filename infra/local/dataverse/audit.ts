// Audit history, as far as it goes here: updates of two-option columns, while the switch `audit` is on. The addresses and bodies are those of Microsoft's
// page "Retrieve the history of audited data changes"; everything else of auditing is refused.

import type { SimResponse } from "../sim/types.js";
import { badQuery, notImitated, ODataError } from "./errors.js";
import type { Value } from "./model/column.js";
import type { Table } from "./model/table.js";
import type { Segment } from "./odata/resource-path.js";
import { checkNamedPrivilege } from "./privileges.js";
import { toIsoSeconds } from "./read/format-value.js";
import { jsonResponse } from "./respond.js";
import type { Session } from "./session.js";
import type { Transaction } from "./store/database.js";

type Flags = Record<string, boolean | null>;

/** What one update changed; `seconds` since 1970. */
interface AuditEntry {
  id: string;
  table: string;
  row: string;
  seconds: number;
  userId: string;
  before: Flags;
  after: Flags;
}

const kind = "audit";
const update = 2;

/** Keeps what an update changes in columns that are true or false. */
export function keepAudit(
  session: Session,
  tx: Transaction,
  { table, id, columns, read }: { table: Table; id: string; columns: Iterable<string>; read: AuditRead },
): void {
  const { switches, world } = session.org;
  if (switches.audit === "off") return;
  const entry: AuditEntry = {
    ...{ id: session.org.makeId(), table: table.name, row: id, userId: session.caller.userId, before: {}, after: {} },
    seconds: Math.floor(world.now() / 1000),
  };
  for (const name of columns) {
    if (table.column(name)?.type !== "Boolean") continue;
    const [before, after] = [read.before(name), read.after(name)];
    if (before === after) continue;
    if (before !== null) entry.before[name] = before === true;
    if (after !== null) entry.after[name] = after === true;
  }
  if (Object.keys({ ...entry.before, ...entry.after }).length > 0) tx.keep(kind, entry.id, entry);
}

/** Values of a row before and after its update. */
export interface AuditRead {
  before(name: string): Value;
  after(name: string): Value;
}

/** Newest first. */
function entriesOf(session: Session, row: string): AuditEntry[] {
  const all = [...session.org.database.kept(kind).values()] as AuditEntry[];
  return all.filter((entry) => entry.row === row).reverse();
}

/** `RetrieveAttributeChangeHistory(Target=@t,AttributeLogicalName=@a,PagingInfo=@p)`. */
export function attributeChangeHistory(session: Session, argument: string): SimResponse {
  checkNamedPrivilege(session, privilege);
  checkNamedPrivilege(session, { ...privilege, name: "prvReadRecordAuditHistory" });
  if (session.org.switches.auditPartitions) {
    checkNamedPrivilege(session, { ...privilege, name: "prvReadAuditPartitions" });
  }
  const given = (name: string): string => {
    const alias = new RegExp(`(?:^|,)${name}=(@\\w+)(?:,|$)`).exec(argument)?.[1] ?? "";
    const text = session.request.query.get(alias);
    if (text === null) throw badQuery(`The function RetrieveAttributeChangeHistory needs ${name} as an alias.`);
    return text.trim();
  };
  const { table, id } = targetOf(session, given("Target"));
  const column = given("AttributeLogicalName").replace(/^'|'$/g, "");
  if (table.column(column)?.type !== "Boolean") throw notImitated(`the audit history of ${table.name}.${column}`);
  const { PageNumber: page = 1, Count: count = 5_000 } = JSON.parse(given("PagingInfo")) as Record<string, number>;
  const found = entriesOf(session, id).filter(({ before, after }) => column in before || column in after);
  const shown = found.slice((page - 1) * count, page * count);
  return jsonResponse(session, 200, {
    "@odata.context": contextOf(session, "RetrieveAttributeChangeHistoryResponse"),
    AuditDetailCollection: {
      MoreRecords: found.length > page * count,
      PagingCookie: `<cookie page="${page}"/>`,
      TotalRecordCount: found.length,
      AuditDetails: shown.map((entry) => detailOf(session, entry, [column])),
    },
  });
}

/** `audits?$select=…&$filter=_objectid_value eq <id>&$orderby=createdon desc`, in no other form, and `audits(<id>)/…RetrieveAuditDetails`. */
export function readAudits(session: Session, { argument }: Segment, [next]: readonly Segment[]): SimResponse {
  checkNamedPrivilege(session, privilege);
  const { query } = session.request;
  if (argument !== undefined) {
    if (next?.name !== "Microsoft.Dynamics.CRM.RetrieveAuditDetails") throw notImitated("reading one row of audits");
    const entry = session.org.database.kept(kind).get(argument) as AuditEntry | undefined;
    if (!entry) throw new ODataError(404, "0x80048d02", "The HTTP status code of the response was not expected (404)");
    return jsonResponse(session, 200, {
      "@odata.context": contextOf(session, "RetrieveAuditDetailsResponse"),
      AuditDetail: detailOf(session, entry),
    });
  }
  const row = /^_objectid_value eq ([0-9a-f-]{36})$/.exec(query.get("$filter") ?? "")?.[1];
  const isOther = [...query.keys()].some((name) => !["$select", "$filter", "$orderby", "tag"].includes(name));
  if (row === undefined || query.get("$orderby") !== "createdon desc" || next || isOther) {
    throw notImitated("audits other than those of one row, newest first");
  }
  const value = entriesOf(session, row).map((entry) => recordOf(entry));
  return jsonResponse(session, 200, { "@odata.context": `${session.apiUrl}/$metadata#audits`, value });
}

const privilege = { name: "prvReadAuditSummary", table: "audit", typeCode: 4567 };

function targetOf(session: Session, text: string): { table: Table; id: string } {
  const [, set = "", id = ""] =
    /^\{\s*['"]@odata\.id['"]\s*:\s*['"](\w+)\(([0-9a-f-]{36})\)['"]\s*\}$/i.exec(text) ?? [];
  const table = session.org.database.tableOfSet(set);
  if (!table) throw badQuery(`Target '${text}' is no reference to a row.`);
  return { table, id: id.toLowerCase() };
}

function contextOf(session: Session, name: string): string {
  return `${session.apiUrl}/$metadata#Microsoft.Dynamics.CRM.${name}`;
}

function detailOf(session: Session, entry: AuditEntry, columns?: readonly string[]): Record<string, unknown> {
  const type = { "@odata.type": `#Microsoft.Dynamics.CRM.${entry.table}` };
  const some = (flags: Flags): Flags =>
    Object.fromEntries(Object.entries(flags).filter(([name]) => columns === undefined || columns.includes(name)));
  return {
    "@odata.type": "#Microsoft.Dynamics.CRM.AttributeAuditDetail",
    InvalidNewValueAttributes: [],
    LocLabelLanguageCode: 0,
    DeletedAttributes: { Count: 0, Keys: [], Values: [] },
    OldValue: { ...type, ...some(entry.before) },
    NewValue: { ...type, ...some(entry.after) },
    ...(session.org.switches.auditRecordInDetails && { AuditRecord: recordOf(entry) }),
  };
}

function recordOf({ id, table, row, seconds, userId }: AuditEntry): Record<string, unknown> {
  return {
    auditid: id,
    createdon: toIsoSeconds(seconds),
    action: update,
    operation: update,
    _userid_value: userId,
    _objectid_value: row,
    objecttypecode: table,
  };
}
