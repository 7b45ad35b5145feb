// Which row a key predicate names: by primary key or by alternate key.
import { badQuery, ODataError, objectDoesNotExist } from "../errors.js";
import type { Value } from "../model/column.js";
import { isGuid } from "../model/ids.js";
import type { AlternateKey, Table } from "../model/table.js";
import { parseKey } from "../odata/resource-path.js";
import type { Session } from "../session.js";

/** What a key predicate names. `id` is given for a primary key even if no such row exists. */
export interface KeyMatch {
  id: string | undefined;
  key: AlternateKey | undefined;
  /** The values of the alternate key by column. */
  values: Map<string, Value>;
  missing(): ODataError;
}

const undefinedKey = (table: Table): ODataError =>
  new ODataError(
    400,
    "0x80060890",
    `The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.${table.name}'. Ensure that the names and number of key properties match the declared or alternate key properties for the resource 'Microsoft.Dynamics.CRM.${table.name}'.`,
  );

// Characters that IIS refuses in a path (facts/dataverse.md §6.1).
const REFUSED = /[/<>*%&:\\?+]/;

/** Reads the key predicate of a row of `table`. Throws 400 for a key that is not defined. */
export function findByKey(session: Session, table: Table, argument: string): KeyMatch {
  const given = parseKey(argument);
  const single = given.get("") ?? (given.size === 1 ? given.get(table.primaryId) : undefined);
  if (single) {
    const id = String(single.value).toLowerCase();
    if (single.type !== "guid" || !isGuid(id))
      throw badQuery(`Bad Request - Error in query syntax near '(${argument})'.`);
    return { id, key: undefined, values: new Map(), missing: () => objectDoesNotExist(table.name, id) };
  }
  const values = new Map<string, Value>();
  for (const [name, literal] of given) {
    const column = table.lookupByValueName(name) ?? table.column(name);
    if (!column) throw undefinedKey(table);
    const text = String(literal.value);
    if (literal.type === "string" && REFUSED.test(text)) {
      throw new ODataError(
        400,
        "",
        `A potentially dangerous Request.Path value was detected from the client (${REFUSED.exec(text)?.[0]}).`,
      );
    }
    const isDate = column.type === "DateTime" && column.behavior !== "DateOnly";
    const target = column.targets?.[0];
    values.set(
      column.name,
      target ? { table: target.table, id: text } : isDate ? Date.parse(text) / 1000 : literal.value,
    );
  }
  const key = table.keys.find(
    (one) => one.active && one.columns.length === values.size && one.columns.every((column) => values.has(column)),
  );
  if (!key) throw undefinedKey(table);
  const inOrder = key.columns.map((column) => values.get(column) ?? null);
  return {
    id: session.org.database.rows(table.name).byKey(key, inOrder),
    key,
    values,
    missing: () =>
      new ODataError(
        404,
        "0x80060891",
        `A record with the specified key values does not exist in ${table.name} entity`,
      ),
  };
}
