// What roles hold and who has which: kept beside the tables, as `role privileges` (name to depth, by root role) and `user roles` (ids, by user).
import { WELL_KNOWN } from "../model/ids.js";
import type { Organisation } from "../session.js";
import type { Transaction } from "../store/database.js";
import { DEPTHS, type Depth } from "./privileges-of.js";

/** Depth by name of privilege. */
export type Held = ReadonlyMap<string, Depth>;

const PRIVILEGES = "role privileges";
const ROLES = "user roles";

/** The deeper of two. */
export const deeper = (one: Depth, other: Depth): Depth => (DEPTHS.indexOf(one) > DEPTHS.indexOf(other) ? one : other);

/** Ids of a user's roles. */
export const rolesOf = ({ database }: Organisation, userId: string): readonly string[] =>
  (database.kept(ROLES).get(userId) ?? []) as string[];

/** Ids of the users who have a role. */
export const usersOf = ({ database }: Organisation, roleId: string): string[] =>
  [...database.kept(ROLES)].flatMap(([userId, roles]) => ((roles as string[]).includes(roleId) ? [userId] : []));

/** Says which roles a user has from now on. */
export const setRolesOf = (tx: Pick<Transaction, "keep">, userId: string, roles: readonly string[]): void =>
  tx.keep(ROLES, userId, [...roles]);

/** What a role holds: it is said of the role in the root business unit, and true of its copies below. */
export function heldByRole({ database }: Organisation, roleId: string): Held {
  const root = database.rows("role").get(roleId)?.parentrootroleid;
  const rootId = typeof root === "object" && root !== null && "id" in root ? root.id : roleId;
  return new Map((database.kept(PRIVILEGES).get(rootId) ?? []) as [string, Depth][]);
}

/** Says what a root role holds from now on. */
export const setHeldByRole = (tx: Pick<Transaction, "keep">, roleId: string, held: Held): void =>
  tx.keep(PRIVILEGES, roleId, [...held]);

/** Forgets a role that is deleted. */
export function forgetRole(org: Organisation, tx: Transaction, roleId: string): void {
  for (const userId of usersOf(org, roleId)) {
    setRolesOf(
      tx,
      userId,
      rolesOf(org, userId).filter((id) => id !== roleId),
    );
  }
  tx.drop(PRIVILEGES, roleId);
}

/** May the user do everything, now and with tables that are yet to come? So may all of an organisation that is older than roles are here. */
export const isAdministrator = (org: Organisation, userId: string): boolean =>
  !org.database.table("role") || rolesOf(org, userId).includes(WELL_KNOWN.administratorRole);

/** What the roles of a user hold together. */
export function heldByUser(org: Organisation, userId: string): Held {
  const held = new Map<string, Depth>();
  for (const roleId of rolesOf(org, userId)) {
    for (const [name, depth] of heldByRole(org, roleId)) held.set(name, deeper(depth, held.get(name) ?? depth));
  }
  return held;
}
