// What becomes of a role besides its row when it is made and deleted: the privileges every role starts with, its copies in the business units below.
import { makePut } from "../bootstrap.js";
import { ODataError } from "../errors.js";
import { toGuid, WELL_KNOWN } from "../model/ids.js";
import type { Session } from "../session.js";
import type { Transaction } from "../store/database.js";
import type { Row } from "../store/row-store.js";
import { forgetRole, setHeldByRole } from "./held.js";
import { OF_EVERY_ROLE } from "./privileges-of.js";

/** Completes a role that was just made. */
export function completeRole({ org }: Session, tx: Transaction, row: Row): void {
  const id = String(row.roleid);
  const table = org.database.table("role");
  const itself = { table: "role", id };
  if (table) tx.put(table, { ...row, parentrootroleid: itself });
  const defaults = org.switches.newRoleGets === "defaults" ? OF_EVERY_ROLE : [];
  setHeldByRole(tx, id, new Map(defaults.map((name) => [name, "Global"])));
  const put = makePut(org.database, tx, org.world.now());
  for (const { businessunitid: unit, parentbusinessunitid: above } of org.database.rows("businessunit").all()) {
    if (!above) continue;
    put("role", {
      ...{
        roleid: toGuid(`role ${id} in ${unit}`),
        name: row.name ?? null,
        parentroleid: itself,
        parentrootroleid: itself,
      },
      ...{
        businessunitid: { table: "businessunit", id: String(unit) },
        ismanaged: false,
        isinherited: row.isinherited ?? 1,
      },
    });
  }
}

/** Takes with a role what hangs on it. Throws 405 for System Administrator. */
export function forgetRoleOf({ org }: Session, tx: Transaction, id: string): void {
  if (id === WELL_KNOWN.administratorRole) {
    throw new ODataError(405, "0x80040800", "The System Administrator role cannot be deleted.");
  }
  const table = org.database.table("role");
  const names = (value: unknown): boolean =>
    typeof value === "object" && value !== null && "id" in value && value.id === id;
  for (const { roleid, parentrootroleid } of [...org.database.rows("role").all()]) {
    if (!names(parentrootroleid)) continue;
    forgetRole(org, tx, String(roleid));
    if (table && roleid !== id) tx.remove(table, String(roleid));
  }
}
