// What a user may do: what its roles hold (security/), less what `POST /_sim/withdraw` took away. Facts: facts/dataverse.md §4, §12. Depths are imitated as
// far as this: everybody's rows, or one's own; reading less than everybody's is refused as not imitated.
import { notImitated, ODataError } from "./errors.js";
import type { Value } from "./model/column.js";
import type { Table } from "./model/table.js";
import { heldByUser, isAdministrator, rolesOf } from "./security/held.js";
import { type Depth, privilegeId, privilegeName } from "./security/privileges-of.js";
import type { Session } from "./session.js";
import type { Row } from "./store/row-store.js";

/** What a request needs: `organization` = for all rows, not only its own, as change tracking does. `row`: the one that is changed. */
export interface Need {
  verb: "Create" | "Read" | "Write" | "Delete" | "Append" | "AppendTo";
  organization?: boolean;
  row?: Row | undefined;
}

/** Names like `prvReadContact`; `prvReadContact:organization` takes away only the organisation-wide depth. */
export const withdrawnFrom = (session: Session, userId: string): ReadonlySet<string> =>
  new Set((session.org.database.kept("withdrawn").get(userId) ?? []) as string[]);

interface Named {
  name: string;
  table: string;
  typeCode: number;
}

const refuse = (session: Session, userId: string, { name, table, typeCode }: Named): ODataError =>
  new ODataError(
    403,
    "0x80040220",
    `Principal user (Id=${userId}, type=8, roleCount=${rolesOf(session.org, userId).length}, privilegeCount=${heldByUser(session.org, userId).size}, accessMode=4) is missing ${name} privilege (Id=${privilegeId(name)}) on OTC=${typeCode} for entity '${table}'. context.Caller=${session.caller.userId}.`,
  );

/** The user a request acts as, and who really sent it: both must be allowed to. */
const usersOf = ({ caller }: Session): ReadonlySet<string> => new Set([caller.userId, caller.initiatingUserId]);

/** Throws 403 when the user has no role at all. */
export function checkHasRole(session: Session): void {
  for (const userId of usersOf(session)) {
    if (isAdministrator(session.org, userId) || rolesOf(session.org, userId).length > 0) continue;
    throw new ODataError(403, "0x80042f09", `The user (Id = ${userId}) has not been assigned any roles.`);
  }
}

/** Throws 403 when the caller, or the user it acts as, lacks the privilege, or has it for its own rows only and this one is not. */
export function checkPrivilege(session: Session, table: Table, need: Need): void {
  const name = privilegeName(session.org, need.verb, table);
  const named = { name, table: table.name, typeCode: table.objectTypeCode };
  for (const userId of usersOf(session)) {
    const depth = depthOf(session, userId, named, need.organization);
    if (depth === "Global") continue;
    if (need.organization) throw refuse(session, userId, named);
    checkOwn(userId, table, need, depth);
  }
}

/** The same for a privilege of any name, on any table. */
export function checkNamedPrivilege(session: Session, named: Named): void {
  for (const userId of usersOf(session)) depthOf(session, userId, named, false);
}

function depthOf(session: Session, userId: string, named: Named, organization: boolean | undefined): Depth {
  const { name } = named;
  const withdrawn = withdrawnFrom(session, userId);
  if (withdrawn.has(name) || (organization && withdrawn.has(`${name}:organization`))) {
    throw refuse(session, userId, named);
  }
  if (isAdministrator(session.org, userId)) return "Global";
  const depth = heldByUser(session.org, userId).get(name);
  if (depth === undefined) throw refuse(session, userId, named);
  return depth;
}

function checkOwn(userId: string, table: Table, { verb, row }: Need, depth: Depth): void {
  if (verb === "Read" || depth !== "Basic") {
    throw notImitated(`the ${verb} privilege of ${table.name} at less than organization depth, but for one's own rows`);
  }
  const owner: Value | undefined = row?.ownerid;
  const isOwn = typeof owner === "object" && owner !== null && "id" in owner && owner.id === userId;
  if (row && !isOwn) throw new ODataError(403, "0x80048405", "Access is denied.");
}

/** May the user read rows of this table? */
export function mayRead(session: Session, table: Table): boolean {
  try {
    checkPrivilege(session, table, { verb: "Read" });
    return true;
  } catch (error) {
    if (error instanceof ODataError) return false;
    throw error;
  }
}

/** Throws 403 unless the caller may tie a row (undefined: one that is made) to those its lookups name: append on the one, append to on the others. */
export function checkLookups(session: Session, table: Table, values: ReadonlyMap<string, Value>, row?: Row): void {
  for (const [name, value] of values) {
    const isTied = typeof value === "object" && value !== null && "id" in value;
    if (!isTied || table.column(name)?.type === "Owner") continue;
    checkPrivilege(session, table, { verb: "Append", row });
    const { database } = session.org;
    const target = database.table(value.table);
    if (target) checkPrivilege(session, target, { verb: "AppendTo", row: database.rows(target.name).get(value.id) });
  }
}

/** What the definitions of tables, columns and choices need, by what is done with them: names as reported, not documented (switch `metadataPrivileges`). */
export function checkMetadata(session: Session, parts: readonly string[]): void {
  if (session.org.switches.metadataPrivileges === "none" && session.request.method === "GET") return;
  const verb = { GET: "Read", POST: "Create", DELETE: "Delete" }[session.request.method] ?? "Write";
  const last = parts.at(-1);
  for (const part of parts) {
    const name = `prv${part === last ? verb : "Read"}${part}`;
    checkNamedPrivilege(session, { name, table: part.toLowerCase(), typeCode: 0 });
  }
}

/** Throws 403 when the caller may not publish; what else a Merge needs is not imitated. */
export function checkAction(session: Session, action: string): void {
  if (action.startsWith("Publish")) {
    checkNamedPrivilege(session, { name: "prvPublishCustomization", table: "none", typeCode: 0 });
  } else if ([...usersOf(session)].some((userId) => !isAdministrator(session.org, userId))) {
    throw notImitated(`${action} by anybody but a System Administrator`);
  }
}

/** Throws 403 when the caller acts as somebody else without being allowed to (facts/dataverse.md §8). */
export function checkImpersonation(session: Session): void {
  const { userId, initiatingUserId } = session.caller;
  if (userId === initiatingUserId) return;
  const named = { name: "prvActOnBehalfOfAnotherUser", table: "systemuser", typeCode: 8 };
  depthOf(session, initiatingUserId, named, false);
}
