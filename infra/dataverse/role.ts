// The role of the application user: compared with what is needed (role-desired.ts), made exactly so, given to the application user, taken away again. It is
// found by an id that follows from its name, so nobody else's role of the same name is ever taken for it. Reading is role-found.ts.

import type { DataverseClient } from "../../shared/dataverse/client.js";
import { uuidV5 } from "../../shared/model/email-event.js";
import { type Action, about, change } from "./action.js";
import type { Part } from "./part.js";
import { givenToEveryRole, type RequiredPrivilege } from "./role-desired.js";
import {
  type FoundPrivilege,
  type FoundRole,
  findApplicationUser,
  findPrivileges,
  findRoles,
  type HeldPrivileges,
  heldByRole,
  rolesOfUser,
  rootBusinessUnit,
  usersOfRole,
} from "./role-found.js";

/** Which role, with what, for whom. `name` as of the endpoints: `acs-sync`; `appUser`: the application's client id. */
export interface RoleOptions {
  client: DataverseClient;
  name: string;
  privileges: readonly RequiredPrivilege[];
  appUser: string;
}

/** What the role is called in Dynamics, and its id: the same for the same name, in every environment. */
export function roleNamed(name: string): { id: string; name: string } {
  return { id: uuidV5(`role/${name}`), name: `Campaign sync (${name})` };
}

/** What makes the role what it should be and gives it to the application user. */
export async function planRole(options: RoleOptions): Promise<Part> {
  const { client, privileges, appUser } = options;
  const role = roleNamed(options.name);
  const title = `role ${role.name}`;
  const { found, unknown } = await findPrivileges(client, privileges);
  const { ours, strangers } = await findRoles(client, role);
  const user = await findApplicationUser(client, appUser);
  const roles = user ? await rolesOfUser(client, user.systemuserid) : [];
  const has = roles.some(({ roleid, _parentrootroleid_value: root }) => roleid === role.id || root === role.id);
  const given = `the application user ${appUser} has it`;
  const held = ours ? await heldByRole(client, role.id) : new Map();
  return {
    title,
    things: [role.name, ...found.map(({ name }) => name), given],
    actions: [
      ...(ours ? planName(client, ours, role.name) : [about(role.name, creation(client, role))]),
      ...planPrivileges(options, role, held, found),
      ...(has ? [] : [about(given, assignment(options, role))]),
    ],
    notes: found.map(explained),
    warnings: [
      ...unknown
        .filter(({ unconfirmed }) => unconfirmed)
        .map(({ name }) => `Dynamics has no privilege ${name}: the role does without it`),
      ...(user?.isdisabled ? [`the application user ${appUser} is disabled: Dynamics refuses its calls`] : []),
      ...otherRoles(roles, role.id),
    ],
    blockers: [
      ...unknown
        .filter(({ unconfirmed }) => !unconfirmed)
        .map(({ name, reason }) => `Dynamics has no privilege ${name} (${reason}): is its table there?`),
      ...strangers.map(
        ({ roleid }) =>
          `there is a role called ${role.name} that is not ours (${roleid}): give another --name, or rename that role`,
      ),
      ...(user ? [] : [noApplicationUser(appUser)]),
    ],
  };
}

/** What takes the role from everybody who has it, and away. */
export async function planRoleRemoval(client: DataverseClient, name: string): Promise<Action[]> {
  const role = roleNamed(name);
  const { ours, copies } = await findRoles(client, role);
  if (!ours) return [];
  const actions: Action[] = [];
  for (const { roleid } of [ours, ...copies]) {
    for (const userId of await usersOfRole(client, roleid)) {
      const path = `systemusers(${userId})/systemuserroles_association(${roleid})/$ref`;
      actions.push(change(client, `take role ${ours.name} from user ${userId}`, "DELETE", path));
    }
  }
  return [...actions, change(client, `remove role ${ours.name}`, "DELETE", `roles(${role.id})`)];
}

/** Depths as the editor of roles calls them. */
const depthWords = {
  Basic: "user",
  Local: "business unit",
  Deep: "parent: child business units",
  Global: "organization",
} as const;

function explained({ name, depth, reason, unconfirmed }: FoundPrivilege): string {
  return `${name} (${depthWords[depth]}${unconfirmed ? ", unconfirmed" : ""}): ${reason}`;
}

function noApplicationUser(clientId: string): string {
  return `there is no application user with client id ${clientId}: make it in the Power Platform admin center (the environment, Settings, Users, Application users, New app user), without any role`;
}

/** Rights add up: whoever keeps System Administrator has gained nothing by our role. */
function otherRoles(roles: readonly FoundRole[], ours: string): string[] {
  const others = roles.filter(({ roleid, _parentrootroleid_value: root }) => roleid !== ours && root !== ours);
  if (others.length === 0) return [];
  const names = others.map(({ name }) => name).join(", ");
  return [
    `the application user has other roles too, and rights add up: ${names}. Take them away in the Power Platform admin center when ours is there`,
  ];
}

function planName(client: DataverseClient, ours: FoundRole, name: string): Action[] {
  if (ours.name === name) return [];
  const what = `rename role ${ours.name} to ${name} again`;
  return [about(name, change(client, what, "PATCH", `roles(${ours.roleid})`, { name }))];
}

function creation(client: DataverseClient, { id, name }: { id: string; name: string }): Action {
  return {
    what: `create role ${name} in the root business unit`,
    kind: "create",
    run: async () => {
      const unit = await rootBusinessUnit(client);
      const body = { roleid: id, name, "businessunitid@odata.bind": `/businessunits(${unit})` };
      await client.call({ operation: `create role ${name}`, method: "POST", path: "roles", body });
    },
  };
}

/** How a role differs from what it should hold; `more` leaves out what every role has. */
interface Difference {
  missing: FoundPrivilege[];
  otherDepth: FoundPrivilege[];
  more: string[];
}

function differenceOf(held: HeldPrivileges, found: readonly FoundPrivilege[]): Difference {
  const wanted = new Set(found.map(({ id }) => id));
  return {
    missing: found.filter(({ id }) => !held.has(id)),
    otherDepth: found.filter(({ id, depth }) => held.has(id) && held.get(id)?.depth !== depth),
    more: [...held]
      .filter(([id, { name }]) => !wanted.has(id) && !givenToEveryRole.has(name))
      .map(([, one]) => one.name),
  };
}

/**
 * One request makes the set exactly so: adding would leave depths as they are (users report), and a kill between adding and taking would leave either.
 * What is needed is looked up again when it runs: tables made by earlier actions bring privileges of their own.
 */
function planPrivileges(
  { client, privileges }: RoleOptions,
  role: { id: string; name: string },
  held: HeldPrivileges,
  found: readonly FoundPrivilege[],
): Action[] {
  const { missing, otherDepth, more } = differenceOf(held, found);
  if (missing.length + otherDepth.length + more.length === 0) return [];
  const action: Action = {
    about: [...missing, ...otherDepth].map(({ name }) => name),
    what: `give role ${role.name} exactly its ${found.length} privileges`,
    kind: "change",
    details: [
      ...missing.map((one) => `+ ${explained(one)}`),
      ...otherDepth.map(({ id, name, depth }) => `~ ${name}: ${depthWords[depth]} instead of ${held.get(id)?.depth}`),
      ...more.map((name) => `- ${name}: not needed`),
    ],
    run: () => replacePrivileges(client, role, privileges),
  };
  return [action];
}

async function replacePrivileges(
  client: DataverseClient,
  role: { id: string; name: string },
  privileges: readonly RequiredPrivilege[],
): Promise<void> {
  const { found } = await findPrivileges(client, privileges);
  const body = { Privileges: found.map(({ id, depth }) => ({ PrivilegeId: id, Depth: depth })) };
  const path = `roles(${role.id})/Microsoft.Dynamics.CRM.ReplacePrivilegesRole`;
  await client.call({ operation: `give role ${role.name} its privileges`, method: "POST", path, body });
  const { missing, otherDepth } = differenceOf(await heldByRole(client, role.id), found);
  const names = [...missing, ...otherDepth].map(({ name }) => name);
  if (names.length > 0)
    throw new Error(`Dynamics did not give role ${role.name} these privileges: ${names.join(", ")}`);
}

function assignment({ client, appUser }: RoleOptions, role: { id: string; name: string }): Action {
  const what = `give role ${role.name} to the application user ${appUser}`;
  return {
    what,
    kind: "change",
    run: async () => {
      const user = await findApplicationUser(client, appUser);
      if (!user) throw new Error(noApplicationUser(appUser));
      const { ours, copies } = await findRoles(client, role);
      // A user gets the role of its own business unit.
      const all = [...(ours ? [ours] : []), ...copies];
      const fitting = all.find((one) => one._businessunitid_value === user._businessunitid_value) ?? ours;
      if (!fitting) throw new Error(`role ${role.name} is not there`);
      const path = `systemusers(${user.systemuserid})/systemuserroles_association/$ref`;
      const body = { "@odata.id": new URL(`roles(${fitting.roleid})`, client.root).href };
      await client.call({ operation: what, method: "POST", path, body });
    },
  };
}
