// Columns the platform computes from others; facts/dataverse.md §14.
import type { Value } from "../model/column.js";
import { WELL_KNOWN } from "../model/ids.js";
import type { Table } from "../model/table.js";
import type { Values } from "./parse-payload.js";

/** Reads a column as it will be after the write. */
export type After = (name: string) => Value;

const joined = (parts: Value[], separator: string): string | null => {
  const texts = parts.filter((part): part is string => typeof part === "string" && part !== "");
  return texts.length > 0 ? texts.join(separator) : null;
};

const cut = (text: string | null, length: number): string | null => text?.slice(0, length) ?? null;

const touches = (values: Values, names: string[]): boolean => names.some((name) => values.has(name));

function addNames(values: Values, after: After): void {
  if (!touches(values, ["firstname", "lastname", "yomifirstname", "yomilastname"])) return;
  values.set("fullname", cut(joined([after("firstname"), after("lastname")], " "), 160));
  const yomi = [after("yomifirstname") ?? after("firstname"), after("yomilastname") ?? after("lastname")];
  values.set("yomifullname", cut(joined(yomi, " "), 450));
}

function addComposite(values: Values, after: After, number: number): void {
  const name = (part: string): string => `address${number}_${part}`;
  const parts = ["line1", "line2", "line3", "city", "stateorprovince", "postalcode", "country"].map(name);
  if (!touches(values, parts)) return;
  const region = joined([after(name("stateorprovince")), after(name("postalcode"))], " ");
  const place = joined([after(name("city")), region], ", ");
  const lines = [after(name("line1")), after(name("line2")), after(name("line3")), place, after(name("country"))];
  values.set(name("composite"), cut(joined(lines, "\r\n"), 1000));
}

function addParent(values: Values): void {
  const parent = values.get("parentcustomerid");
  if (parent === undefined) return;
  const of = (table: string): Value =>
    typeof parent === "object" && parent !== null && "id" in parent && parent.table === table ? parent : null;
  values.set("accountid", of("account"));
  values.set("parentcontactid", of("contact"));
}

function addMoney(table: Table, values: Values, after: After): void {
  const amounts = table.columns.filter((column) => column.base !== undefined && values.has(column.name));
  if (amounts.length === 0) return;
  if (after("transactioncurrencyid") === null) {
    values.set("transactioncurrencyid", { table: "transactioncurrency", id: WELL_KNOWN.currency });
  }
  // One currency only: the base amount is the amount.
  values.set("exchangerate", 1);
  for (const { name, base } of amounts) if (base !== undefined) values.set(base, values.get(name) ?? null);
}

/** Adds to `values` what follows from them. */
export function addComputed(table: Table, values: Values, after: After): void {
  if (table.name === "contact" || table.name === "systemuser") addNames(values, after);
  if (table.name === "contact") addParent(values);
  if (table.name === "systemuser") values.delete("yomifullname");
  for (const number of [1, 2, 3]) if (table.column(`address${number}_composite`)) addComposite(values, after, number);
  addMoney(table, values, after);
}
