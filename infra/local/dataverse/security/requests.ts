// Requests about roles: the set of privileges, what a role or a user holds, giving and taking privileges, giving and taking roles. Bodies as Microsoft's
// references have them (RolePrivilege, AddPrivilegesRole, ReplacePrivilegesRole, RemovePrivilegeRole, RetrieveRolePrivilegesRole, RetrieveUserPrivileges).
import type { SimResponse } from "../../sim/types.js";
import {
  badQuery,
  duplicateRecord,
  invalidArgument,
  notImitated,
  objectDoesNotExist,
  payloadError,
} from "../errors.js";
import { queryDefinitions } from "../metadata/json-query.js";
import { isGuid, WELL_KNOWN } from "../model/ids.js";
import type { Table } from "../model/table.js";
import type { QueryOptions } from "../odata/query-options.js";
import { type Segment, toRelativeUrl } from "../odata/resource-path.js";
import { checkPrivilege } from "../privileges.js";
import { readRows } from "../read/read-rows.js";
import { emptyResponse, jsonResponse } from "../respond.js";
import type { Session } from "../session.js";
import type { Transaction } from "../store/database.js";
import { parseJsonObject } from "../write/parse-payload.js";
import {
  deeper,
  type Held,
  heldByRole,
  heldByUser,
  isAdministrator,
  rolesOf,
  setHeldByRole,
  setRolesOf,
  usersOf,
} from "./held.js";
import { allPrivileges, DEPTHS, type Depth, type Privilege } from "./privileges-of.js";

const CRM = "Microsoft.Dynamics.CRM.";
const ASSOCIATION = "systemuserroles_association";

function tableNamed(session: Session, name: string): Table {
  const table = session.org.database.table(name);
  if (!table) throw notImitated(`roles in an organisation that has no table ${name}`);
  return table;
}

const rowOf = (session: Session, table: string, argument: string): string => {
  const id = argument.toLowerCase();
  if (!isGuid(id) || !session.org.database.rows(table).get(id)) throw objectDoesNotExist(table, id);
  return id;
};

/** `GET privileges`, with `$select` and `$filter`. */
function readPrivileges(session: Session, options: QueryOptions): SimResponse {
  const all = [...allPrivileges(session.org).values()].map(({ id, name, depths }) => ({
    privilegeid: id,
    name,
    canbebasic: depths.includes("Basic"),
    canbelocal: depths.includes("Local"),
    canbedeep: depths.includes("Deep"),
    canbeglobal: depths.includes("Global"),
  }));
  const unknown = [...options.given].find((name) => name !== "$select" && name !== "$filter");
  if (unknown) throw notImitated(`${unknown} on privileges`);
  const select = options.select && [...new Set([...options.select, "privilegeid"])];
  const value = queryDefinitions(all, { ...options, select }, {}, "privilege");
  return jsonResponse(session, 200, { "@odata.context": `${session.apiUrl}/$metadata#privileges`, value });
}

function answerHeld(session: Session, held: Held, name: string): SimResponse {
  const all = allPrivileges(session.org);
  const RolePrivileges = [...held].map(([privilege, Depth]) => ({
    Depth,
    PrivilegeId: all.get(privilege)?.id,
    BusinessUnitId: WELL_KNOWN.businessUnit,
    PrivilegeName: privilege,
    RecordFilterId: "00000000-0000-0000-0000-000000000000",
    RecordFilterUniqueName: "",
  }));
  return jsonResponse(session, 200, { "@odata.context": `${session.apiUrl}/$metadata#${CRM}${name}`, RolePrivileges });
}

const everything = (session: Session): Held =>
  new Map([...allPrivileges(session.org).keys()].map((name) => [name, "Global"]));

/** `RetrieveRolePrivilegesRole(RoleId=<id>)`, or with an alias. */
export function rolePrivileges(session: Session, argument: string): SimResponse {
  checkPrivilege(session, tableNamed(session, "role"), { verb: "Read" });
  const given = /^RoleId=(.+)$/.exec(argument.trim())?.[1]?.trim() ?? "";
  const id = given.startsWith("@") ? (session.request.query.get(given) ?? "") : given;
  if (!isGuid(id)) throw badQuery("The function RetrieveRolePrivilegesRole needs RoleId.");
  const roleId = rowOf(session, "role", id);
  const held = roleId === WELL_KNOWN.administratorRole ? everything(session) : heldByRole(session.org, roleId);
  return answerHeld(session, held, "RetrieveRolePrivilegesRoleResponse");
}

function userPrivileges(session: Session, userId: string): SimResponse {
  checkPrivilege(session, tableNamed(session, "systemuser"), { verb: "Read" });
  const held = isAdministrator(session.org, userId) ? everything(session) : heldByUser(session.org, userId);
  return answerHeld(session, held, "RetrieveUserPrivilegesResponse");
}

function listUserRoles(session: Session, [first, second]: readonly Segment[], options: QueryOptions): SimResponse {
  const isUser = first?.name === "systemusers";
  const id = rowOf(session, isUser ? "systemuser" : "role", first?.argument ?? "");
  const ids = isUser ? rolesOf(session.org, id) : usersOf(session.org, id);
  const table = tableNamed(session, isUser ? "role" : "systemuser");
  checkPrivilege(session, table, { verb: "Read" });
  const rows = ids.flatMap((one) => session.org.database.rows(table.name).get(one) ?? []);
  return readRows(session, { table, rows, path: `${first?.name}(${id})/${second?.name}` }, options);
}

/** Answers a GET about roles; undefined: it is none. */
export function readSecurity(
  session: Session,
  segments: readonly Segment[],
  options: QueryOptions,
): SimResponse | undefined {
  const [first, second] = segments;
  if (first?.name === "privileges") {
    if (first.argument !== undefined || second) throw notImitated("reading a privilege but by $filter");
    return readPrivileges(session, options);
  }
  if (first?.argument === undefined || (first.name !== "systemusers" && first.name !== "roles")) return undefined;
  if (second?.name === ASSOCIATION) {
    if (segments.length > 2 || second.argument !== undefined) throw notImitated(`the path below ${ASSOCIATION}`);
    return listUserRoles(session, segments, options);
  }
  if (first.name === "systemusers" && second?.name === `${CRM}RetrieveUserPrivileges`) {
    return userPrivileges(session, rowOf(session, "systemuser", first.argument));
  }
  return undefined;
}

/** Is this write about who has which role, or what a role holds? */
export function isAboutRoles([first, second]: readonly Segment[]): boolean {
  if (first?.argument === undefined || !second) return false;
  return second.name === ASSOCIATION || (first.name === "roles" && second.name.startsWith(CRM));
}

/** Answers a write that is. */
export function writeSecurity(session: Session, tx: Transaction, segments: readonly Segment[]): SimResponse {
  const [first, second] = segments;
  if (second?.name === ASSOCIATION) return associate(session, tx, segments);
  checkPrivilege(session, tableNamed(session, "role"), { verb: "Write" });
  const roleId = rowOf(session, "role", first?.argument ?? "");
  if (roleId === WELL_KNOWN.administratorRole)
    throw invalidArgument("The System Administrator role cannot be changed.");
  const held = changed(session, (second?.name ?? "").slice(CRM.length), heldByRole(session.org, roleId));
  setHeldByRole(tx, roleId, held);
  return emptyResponse(session);
}

function changed(session: Session, action: string, before: Held): Held {
  const body = parseJsonObject("roles", session.request.body);
  const byId = new Map([...allPrivileges(session.org).values()].map((privilege) => [privilege.id, privilege]));
  const known = (id: unknown): Privilege => {
    const found = byId.get(String(id).toLowerCase());
    if (!found) throw objectDoesNotExist("privilege", String(id));
    return found;
  };
  const held = new Map(action === "ReplacePrivilegesRole" ? [] : before);
  switch (action) {
    case "RemovePrivilegeRole":
      held.delete(known(body.PrivilegeId).name);
      return held;
    case "AddPrivilegesRole":
    case "ReplacePrivilegesRole":
      for (const { PrivilegeId, Depth: text } of given(body.Privileges)) {
        const { name, depths } = known(PrivilegeId);
        const depth = DEPTHS.find((one) => one === text);
        if (!depth)
          throw payloadError("roles", `Cannot convert a value to target type 'Microsoft.Dynamics.CRM.PrivilegeDepth'.`);
        if (!depths.includes(depth)) throw invalidArgument(`The privilege ${name} cannot be given at depth ${depth}.`);
        held.set(name, depthAfter(session, held.get(name), depth));
      }
      return held;
    default:
      throw notImitated(`the action ${action}`);
  }
}

/** Users report that adding leaves the depth of what is there already (switch `addPrivilegesDeepens`). */
function depthAfter({ org }: Session, before: Depth | undefined, wanted: Depth): Depth {
  if (before === undefined) return wanted;
  return org.switches.addPrivilegesDeepens ? deeper(before, wanted) : before;
}

function given(privileges: unknown): { PrivilegeId?: unknown; Depth?: unknown }[] {
  if (!Array.isArray(privileges)) throw payloadError("roles", "The parameter 'Privileges' was expected.");
  return privileges as { PrivilegeId?: unknown; Depth?: unknown }[];
}

/** `POST …/systemuserroles_association/$ref` and `DELETE …/systemuserroles_association(<id>)/$ref`, from either side. */
function associate(session: Session, tx: Transaction, [first, second, third]: readonly Segment[]): SimResponse {
  if (third?.name !== "$ref") throw notImitated(`writing ${ASSOCIATION} but by $ref`);
  const isUser = first?.name === "systemusers";
  const removing = session.request.method === "DELETE";
  const url = removing ? "" : parseJsonObject("roles", session.request.body)["@odata.id"];
  const other = second?.argument ?? /^\w+\(([0-9a-f-]{36})\)$/i.exec(toRelativeUrl(String(url ?? "")))?.[1] ?? "";
  const userId = rowOf(session, "systemuser", (isUser ? first?.argument : other) ?? "");
  const roleId = rowOf(session, "role", (isUser ? other : first?.argument) ?? "");
  checkPrivilege(session, tableNamed(session, "systemuser"), { verb: "Append" });
  checkPrivilege(session, tableNamed(session, "role"), { verb: "AppendTo" });
  const before = rolesOf(session.org, userId);
  if (removing) {
    if (!before.includes(roleId)) throw objectDoesNotExist("systemuserroles", roleId);
    setRolesOf(
      tx,
      userId,
      before.filter((id) => id !== roleId),
    );
    return emptyResponse(session);
  }
  checkSameUnit(session, userId, roleId);
  if (before.includes(roleId)) throw duplicateRecord();
  setRolesOf(tx, userId, [...before, roleId]);
  return emptyResponse(session);
}

function checkSameUnit({ org }: Session, userId: string, roleId: string): void {
  const unitOf = (table: string, id: string): unknown => {
    const unit = org.database.rows(table).get(id)?.businessunitid;
    return typeof unit === "object" && unit !== null && "id" in unit ? unit.id : undefined;
  };
  if (unitOf("systemuser", userId) !== unitOf("role", roleId))
    throw notImitated("giving a role of another business unit");
}
