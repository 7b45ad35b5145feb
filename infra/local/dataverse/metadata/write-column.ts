// Changing the columns of a table: adding, labelling, removing; facts/dataverse.md §9.3. What administrators do with several of
// these at once (renaming, retyping) is in replace-column.ts.
import type { SimResponse } from "../../sim/types.js";
import { ODataError } from "../errors.js";
import type { Column } from "../model/column.js";
import { toGuid } from "../model/ids.js";
import type { Table } from "../model/table.js";
import { parseKey } from "../odata/resource-path.js";
import { emptyResponse } from "../respond.js";
import type { Session } from "../session.js";
import { stripTable, type Transaction } from "../store/database.js";
import { addSolutionComponent } from "../write/solution.js";
import { labelText, parseColumn } from "./parse-definition.js";

type Json = Record<string, unknown>;

/** 204 with the address of what was made. */
export const done = (session: Session, path: string): SimResponse => {
  const url = `${session.apiUrl}/${path}`;
  return emptyResponse(session, 204, { "odata-entityid": url, location: url });
};

/** A name that is taken. */
export const duplicate = (what: string): ODataError => new ODataError(400, "0x80047013", `${what} already exists.`);

/** Delta tokens given out before the change may expire with it: a switch (facts/dataverse.md §4). */
const noteSchemaChange = ({ org }: Session, tx: Transaction, table: Table): void => {
  if (!org.switches.schemaChangeExpiresTokens) return;
  const { database } = org;
  tx.keep("schemaChanged", table.name, database.version());
  // Something has to take the next version, or a token given out now could not be told from one before the change.
  const organizations = database.table("organization");
  const row = organizations && database.rows(organizations.name).get(org.organizationId());
  if (organizations && row) tx.put(organizations, { ...row, versionnumber: tx.nextVersion() });
};

/** Adds columns to a table. Throws 400 when a name is taken. */
export function addColumns(session: Session, tx: Transaction, table: Table, columns: readonly Column[]): void {
  for (const { name } of columns) if (table.column(name)) throw duplicate(`An attribute with the name ${name}`);
  tx.define({ ...stripTable(table), columns: [...table.columns, ...columns] });
  noteSchemaChange(session, tx, table);
}

/** Removes a custom column with its values; a later column of the same name starts empty. Steps that name it stay as they are. */
export function removeColumn(session: Session, tx: Transaction, table: Table, name: string): void {
  if (!table.column(name)?.custom || name === table.primaryName)
    throw new ODataError(400, "0x80047009", "Only custom columns can be deleted, and never the primary name.");
  if (table.keys.some((key) => key.columns.includes(name)))
    throw new ODataError(400, "0x8004f01f", `The column ${name} is part of a key and cannot be deleted.`);
  const names = [name, `${name}_base`];
  for (const row of [...session.org.database.rows(table.name).all()]) {
    if (names.every((one) => row[one] === undefined)) continue;
    tx.put(table, { ...row, ...Object.fromEntries(names.map((one) => [one, undefined])) });
  }
  tx.define({ ...stripTable(table), columns: table.columns.filter((column) => !names.includes(column.name)) });
  noteSchemaChange(session, tx, table);
}

/** `POST …/Attributes`. */
export function postColumn(session: Session, tx: Transaction, table: Table, body: Json): SimResponse {
  const columns = parseColumn(body);
  addColumns(session, tx, table, columns);
  const id = toGuid(`column ${table.name} ${columns[0]?.name}`);
  addSolutionComponent(session, tx, undefined, id, 2);
  return done(session, `EntityDefinitions(${table.metadataId})/Attributes(${id})`);
}

const columnNameOf = (table: Table, argument: string): string => {
  const [[name, literal] = ["", undefined]] = [...parseKey(argument)];
  const value = String(literal?.value).toLowerCase();
  const found = table.columns.find(
    (column) => (name === "LogicalName" ? column.name : toGuid(`column ${table.name} ${column.name}`)) === value,
  );
  if (!found)
    throw new ODataError(
      404,
      "0x80060888",
      `Could not find an attribute with specified attribute name or id: ${value}.`,
    );
  return found.name;
};

/** `PUT …/Attributes(<key>)`: label and text length may change, the type may not. */
export function putColumn(session: Session, tx: Transaction, table: Table, argument: string, body: Json): SimResponse {
  const name = columnNameOf(table, argument);
  const columns = table.columns.map((column) => {
    if (column.name !== name) return column;
    const maxLength = body.MaxLength;
    return {
      ...column,
      label: labelText(body.DisplayName) ?? column.label,
      ...(typeof maxLength === "number" && column.maxLength !== undefined ? { maxLength } : {}),
    };
  });
  tx.define({ ...stripTable(table), columns });
  return emptyResponse(session);
}

/** `DELETE …/Attributes(<key>)`. */
export function deleteColumn(session: Session, tx: Transaction, table: Table, argument: string): SimResponse {
  removeColumn(session, tx, table, columnNameOf(table, argument));
  return emptyResponse(session);
}
