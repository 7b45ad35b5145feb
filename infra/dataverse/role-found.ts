// Roles and privileges as they are in Dynamics: what the privileges we need are really called, what a role holds, who has it (Microsoft: references of role,
// privilege, SecurityPrivilegeMetadata, RetrieveRolePrivilegesRole). What is needed is role-desired.ts.

import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { list } from "./action.js";
import type { Depth, RequiredPrivilege } from "./role-desired.js";

/** Depths, from one's own rows to everybody's. */
export const depths = ["Basic", "Local", "Deep", "Global"] as const;
/** See `depths`. */
export type FoundDepth = (typeof depths)[number];

/** A privilege we need as Dynamics has it. `depth`: the narrowest it can be given at that is enough. */
export interface FoundPrivilege {
  id: string;
  name: string;
  depth: FoundDepth;
  reason: string;
  /** No documentation says whether it is needed. */
  unconfirmed: boolean;
}

/** Those found, and those that Dynamics does not have. */
export interface FoundPrivileges {
  found: FoundPrivilege[];
  unknown: RequiredPrivilege[];
}

const definitionSchema = z.object({
  LogicalName: z.string(),
  Privileges: z.array(
    z.object({
      Name: z.string(),
      PrivilegeId: z.string(),
      PrivilegeType: z.string(),
      CanBeBasic: z.boolean(),
      CanBeLocal: z.boolean(),
      CanBeDeep: z.boolean(),
      CanBeGlobal: z.boolean(),
    }),
  ),
});
const privilegeSchema = z.object({
  privilegeid: z.string(),
  name: z.string(),
  canbebasic: z.boolean(),
  canbelocal: z.boolean(),
  canbedeep: z.boolean(),
  canbeglobal: z.boolean(),
});

/** A privilege as it is, whichever way it was found. */
interface Existing {
  id: string;
  name: string;
  /** In the order of `depths`. */
  possible: readonly boolean[];
}

/** What the privileges are really called: those of tables by the tables' metadata, all others, and those of tables yet to come, by name. */
export async function findPrivileges(
  client: DataverseClient,
  required: readonly RequiredPrivilege[],
): Promise<FoundPrivileges> {
  const ofTables = await readTables(client, new Set(required.flatMap(({ tables }) => tables ?? [])));
  const named = required.filter(({ tables }) => !tables?.every((table) => ofTables.has(table)));
  const byName = await readByName(
    client,
    named.map(({ name }) => name),
  );
  const found = new Map<string, FoundPrivilege>();
  const unknown: RequiredPrivilege[] = [];
  for (const one of required) {
    const existing = [
      ...(one.tables ?? []).flatMap((table) => ofTables.get(table)?.get(one.right ?? "") ?? []),
      ...(named.includes(one) ? (byName.get(one.name.toLowerCase()) ?? []) : []),
    ];
    if (existing.length === 0) unknown.push(one);
    for (const { id, name, possible } of existing) {
      const depth = deeper(enough(one.depth, possible), found.get(id)?.depth);
      const before = found.get(id);
      const reason = before && !before.reason.includes(one.reason) ? `${before.reason}; ${one.reason}` : one.reason;
      const unconfirmed = one.unconfirmed === true && before?.unconfirmed !== false;
      found.set(id, { id, name, depth, reason, unconfirmed });
    }
  }
  return { found: [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1)), unknown };
}

async function readTables(
  client: DataverseClient,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, ReadonlyMap<string, Existing[]>>> {
  if (names.size === 0) return new Map();
  const filter = encodeURIComponent([...names].map((name) => `LogicalName eq '${name}'`).join(" or "));
  const path = `EntityDefinitions?$select=LogicalName,Privileges&$filter=${filter}`;
  const tables = await list(client, "read the privileges of tables", path, definitionSchema, true);
  return new Map(
    tables.map(({ LogicalName, Privileges }) => [
      LogicalName,
      new Map(
        Privileges.map(({ Name, PrivilegeId, PrivilegeType, CanBeBasic, CanBeLocal, CanBeDeep, CanBeGlobal }) => [
          PrivilegeType,
          [
            {
              id: PrivilegeId.toLowerCase(),
              name: Name,
              possible: [CanBeBasic, CanBeLocal, CanBeDeep, CanBeGlobal],
            },
          ],
        ]),
      ),
    ]),
  );
}

async function readByName(client: DataverseClient, names: readonly string[]): Promise<ReadonlyMap<string, Existing[]>> {
  if (names.length === 0) return new Map();
  const filter = encodeURIComponent(names.map((name) => `name eq '${name}'`).join(" or "));
  const select = Object.keys(privilegeSchema.shape).join(",");
  const path = `privileges?$select=${select}&$filter=${filter}`;
  const rows = await list(client, "look for privileges", path, privilegeSchema);
  return new Map(
    rows.map(({ privilegeid, name, canbebasic, canbelocal, canbedeep, canbeglobal }) => [
      name.toLowerCase(),
      [{ id: privilegeid.toLowerCase(), name, possible: [canbebasic, canbelocal, canbedeep, canbeglobal] }],
    ]),
  );
}

/** Rows that belong to nobody know one depth only: then that one, or the next that is more. */
function enough(wanted: Depth, possible: readonly boolean[]): FoundDepth {
  return depths.find((_, at) => at >= depths.indexOf(wanted) && possible[at]) ?? wanted;
}

function deeper(one: FoundDepth, other: FoundDepth | undefined): FoundDepth {
  return other !== undefined && depths.indexOf(other) > depths.indexOf(one) ? other : one;
}

/** What a role holds: depth and name by the privilege's id. */
export type HeldPrivileges = ReadonlyMap<string, { depth: string; name: string }>;

const heldSchema = z.object({
  RolePrivileges: z.array(
    z.object({ Depth: z.string(), PrivilegeId: z.string(), PrivilegeName: z.string().nullish() }),
  ),
});

/** What the role holds. */
export async function heldByRole(client: DataverseClient, roleId: string): Promise<HeldPrivileges> {
  const path = `RetrieveRolePrivilegesRole(RoleId=${roleId})`;
  return held(await client.json({ operation: "read the privileges of the role", path, headers: strong }));
}

/** What a user may do through all its roles together (Microsoft: RetrieveUserPrivileges). */
async function heldByUser(client: DataverseClient, userId: string): Promise<HeldPrivileges> {
  const path = `systemusers(${userId})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()`;
  return held(await client.json({ operation: "read the privileges of the user", path, headers: strong }));
}

const strong = { consistency: "Strong" };

function held(answer: unknown): HeldPrivileges {
  return new Map(
    heldSchema
      .parse(answer)
      .RolePrivileges.map(({ Depth, PrivilegeId, PrivilegeName }) => [
        PrivilegeId.toLowerCase(),
        { depth: Depth, name: PrivilegeName ?? PrivilegeId },
      ]),
  );
}

/** What a user lacks of what is needed, through all its roles together; a narrower depth than needed counts as lacking. */
export async function missingOfUser(
  client: DataverseClient,
  userId: string,
  required: readonly RequiredPrivilege[],
): Promise<FoundPrivilege[]> {
  const held = await heldByUser(client, userId);
  const { found } = await findPrivileges(client, required);
  const order: readonly string[] = depths;
  const rank = (depth: string | undefined): number => (depth === undefined ? -1 : order.indexOf(depth));
  return found.filter(({ id, depth }) => rank(held.get(id)?.depth) < rank(depth));
}

const roleSchema = z.object({
  roleid: z.string(),
  name: z.string(),
  _businessunitid_value: z.string(),
  _parentrootroleid_value: z.string().nullish(),
});
/** A role as it is. Each has copies in the business units below its own, of which it is the root. */
export type FoundRole = z.infer<typeof roleSchema>;

const roleColumns = Object.keys(roleSchema.shape).join(",");

/** Our role with its copies, and other roles of the same name. */
export async function findRoles(
  client: DataverseClient,
  { id, name }: { id: string; name: string },
): Promise<{ ours: FoundRole | undefined; copies: FoundRole[]; strangers: FoundRole[] }> {
  const filter = encodeURIComponent(
    `roleid eq ${id} or _parentrootroleid_value eq ${id} or name eq '${name.replaceAll("'", "''")}'`,
  );
  const roles = await list(client, "look for the role", `roles?$select=${roleColumns}&$filter=${filter}`, roleSchema);
  const ours = roles.find(({ roleid }) => roleid === id);
  const copies = roles.filter((role) => role !== ours && role._parentrootroleid_value === id);
  return { ours, copies, strangers: roles.filter((role) => role !== ours && !copies.includes(role)) };
}

/** Roles of a user. */
export function rolesOfUser(client: DataverseClient, userId: string): Promise<FoundRole[]> {
  const path = `systemusers(${userId})/systemuserroles_association?$select=${roleColumns}`;
  return list(client, "read the roles of the application user", path, roleSchema);
}

const userSchema = z.object({
  systemuserid: z.string(),
  isdisabled: z.boolean().nullish(),
  _businessunitid_value: z.string().nullish(),
});
/** An application user. */
export type FoundUser = z.infer<typeof userSchema>;

/** The application user of a client id, if there is one. */
export async function findApplicationUser(client: DataverseClient, clientId: string): Promise<FoundUser | undefined> {
  const select = Object.keys(userSchema.shape).join(",");
  const path = `systemusers?$select=${select}&$filter=applicationid eq ${clientId}`;
  return (await list(client, "look for the application user", path, userSchema))[0];
}

/** Ids of those who have a role. */
export async function usersOfRole(client: DataverseClient, roleId: string): Promise<string[]> {
  const path = `roles(${roleId})/systemuserroles_association?$select=systemuserid`;
  const users = await list(client, "read who has the role", path, z.object({ systemuserid: z.string() }));
  return users.map(({ systemuserid }) => systemuserid);
}

/** The business unit that all others are below. */
export async function rootBusinessUnit(client: DataverseClient): Promise<string> {
  const path = "businessunits?$select=businessunitid&$filter=_parentbusinessunitid_value eq null";
  const [root] = await list(client, "look for the root business unit", path, z.object({ businessunitid: z.string() }));
  if (!root)
    throw new Error("Dynamics shows no root business unit: may the signed-in application read business units?");
  return root.businessunitid;
}
