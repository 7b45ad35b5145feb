import { ODataError } from "../errors.js";
import { toGuid } from "../model/ids.js";
import type { Table } from "../model/table.js";
import type { Session } from "../session.js";
import type { Transaction } from "../store/database.js";

/** Component types of facts/dataverse.md §11; of these only the rows below are put into solutions. */
const COMPONENT_TYPES: Record<string, number> = { serviceendpoint: 95, sdkmessageprocessingstep: 92 };

/** Puts a row or definition into the solution that the header `MSCRM.SolutionUniqueName` names, once. Throws 404 when there is none. */
export function addSolutionComponent(
  session: Session,
  tx: Transaction,
  table: Table | undefined,
  objectId: string,
  type?: number,
): void {
  const name = session.request.headers["mscrm.solutionuniquename"];
  const componentType = type ?? (table && COMPONENT_TYPES[table.name]);
  if (name === undefined || componentType === undefined) return;
  const { database, world } = session.org;
  const solution = [...database.rows("solution").all()].find(
    (row) => String(row.uniquename).toLowerCase() === name.toLowerCase(),
  );
  if (!solution) throw new ODataError(404, "0x80040217", `The solution with the unique name '${name}' does not exist.`);
  const components = database.table("solutioncomponent");
  const solutionId = String(solution.solutionid);
  const id = toGuid(`component ${solutionId} ${objectId}`);
  if (!components || database.rows(components.name).get(id)) return;
  const seconds = Math.floor(world.now() / 1000);
  tx.put(components, {
    solutioncomponentid: id,
    objectid: objectId,
    componenttype: componentType,
    solutionid: { table: "solution", id: solutionId },
    createdon: seconds,
    modifiedon: seconds,
    versionnumber: tx.nextVersion(),
  });
}
