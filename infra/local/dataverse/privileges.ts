// What a user may not do. Everyone may do everything until `POST /_sim/withdraw` says otherwise; facts/dataverse.md §4, §12.
import { ODataError } from "./errors.js";
import { toGuid } from "./model/ids.js";
import type { Table } from "./model/table.js";
import type { Session } from "./session.js";

/** What a request needs: `organization` = for all rows, not only its own, as change tracking does. */
export interface Need {
  verb: "Create" | "Read" | "Write" | "Delete";
  organization?: boolean;
}

/** Names like `prvReadContact`; `prvReadContact:organization` takes away only the organisation-wide depth. */
export const withdrawnFrom = (session: Session, userId: string): ReadonlySet<string> =>
  new Set((session.org.database.kept("withdrawn").get(userId) ?? []) as string[]);

const refuse = (session: Session, userId: string, name: string, table: string, typeCode: number): ODataError =>
  new ODataError(
    403,
    "0x80040220",
    `Principal user (Id=${userId}, type=8, roleCount=1, privilegeCount=100, accessMode=4) is missing ${name} privilege (Id=${toGuid(name)}) on OTC=${typeCode} for entity '${table}'. context.Caller=${session.caller.userId}.`,
  );

/** Throws 403 when the caller, or the user it acts as, lacks the privilege. */
export function checkPrivilege(session: Session, table: Table, need: Need): void {
  const name = `prv${need.verb}${table.schemaName}`;
  checkNamedPrivilege(session, { name, table: table.name, typeCode: table.objectTypeCode }, need.organization);
}

/** The same for a privilege of any name, on any table. */
export function checkNamedPrivilege(
  session: Session,
  { name, table, typeCode }: { name: string; table: string; typeCode: number },
  organization = false,
): void {
  for (const userId of new Set([session.caller.userId, session.caller.initiatingUserId])) {
    const withdrawn = withdrawnFrom(session, userId);
    if (withdrawn.size === 0) continue;
    if (withdrawn.has(name) || (organization && withdrawn.has(`${name}:organization`))) {
      throw refuse(session, userId, name, table, typeCode);
    }
  }
}

/** Throws 403 when the caller acts as somebody else without being allowed to (facts/dataverse.md §8). */
export function checkImpersonation(session: Session): void {
  const { userId, initiatingUserId } = session.caller;
  if (userId === initiatingUserId || !withdrawnFrom(session, initiatingUserId).has("prvActOnBehalfOfAnotherUser"))
    return;
  throw refuse(session, initiatingUserId, "prvActOnBehalfOfAnotherUser", "systemuser", 8);
}
