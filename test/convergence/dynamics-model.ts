// The Dynamics organisation of the histories before anything happens in it: the example's custom tables and the registered webhook, made once
// and given to every history as journal entries.

import { addMessageFilters, bootstrap, makePut } from "../../infra/local/dataverse/bootstrap.js";
import type { Column } from "../../infra/local/dataverse/model/column.js";
import {
  choice,
  dateTime,
  decimal,
  flag,
  integer,
  lookup,
  lookupToAny,
  money,
  stateAndStatus,
  text,
  uuid,
} from "../../infra/local/dataverse/model/column.js";
import type { TableDefinition } from "../../infra/local/dataverse/model/table.js";
import { defineTable } from "../../infra/local/dataverse/model/tables/define.js";
import { DEFAULT_OPTIONS } from "../../infra/local/dataverse/options.js";
import { makeDatabase } from "../../infra/local/dataverse/store/database.js";
import { type Journal, NO_JOURNAL } from "../../infra/local/dataverse/store/journal.js";
import { registrationOf } from "./registration.js";

const states = stateAndStatus({
  0: { label: "Active", statuses: { 1: "Active" } },
  1: { label: "Inactive", statuses: { 2: "Inactive" } },
});

function customTable(name: string, objectTypeCode: number, primaryName: string, columns: Column[]): TableDefinition {
  return defineTable({
    name,
    setName: `${name}s`,
    primaryName,
    objectTypeCode,
    ownership: "UserOwned",
    custom: true,
    changeTracking: true,
    canTrackChanges: true,
    events: true,
    bulk: true,
    columns: [uuid(`${name}id`, { update: false, required: "SystemRequired" }), ...columns, ...states],
  });
}

const currency = (table: string): Column[] => [
  lookup("transactioncurrencyid", {
    table: "transactioncurrency",
    relationship: `transactioncurrency_${table}`,
    collection: `transactioncurrency_${table}`,
    onDelete: "Restrict",
  }),
  decimal("exchangerate", 12, { create: false, update: false }),
];

/** The tables of docs/examples, with one column each that no mapping reads: `acme_remark`. The visits of a deleted vehicle lose it. */
const customTables: readonly TableDefinition[] = [
  customTable("acme_dealer", 10_101, "acme_name", [
    text("acme_name", 100),
    text("acme_city", 80),
    decimal("acme_rating", 2),
    flag("acme_premium", false, ["Standard dealer", "Premium dealer"]),
    text("acme_remark", 100),
  ]),
  customTable("acme_vehicle", 10_102, "acme_name", [
    text("acme_name", 100),
    text("acme_make", 60),
    text("acme_model", 60),
    choice("acme_fuel", { 727000000: "Petrol", 727000001: "Diesel", 727000002: "Electric" }),
    { ...choice("acme_extras", { 1: "Towbar", 2: "Sunroof", 3: "Winter tyres" }), type: "MultiSelectPicklist" },
    ...currency("acme_vehicle"),
    ...money("acme_price", 0, 100_000_000),
    integer("acme_seats"),
    dateTime("acme_firstregistration", { format: "DateOnly", behavior: "DateOnly" }),
    lookupToAny("acme_keeperid", "Lookup", [{ table: "account" }, { table: "contact" }]),
    lookup("acme_dealerid", { table: "acme_dealer" }),
    text("acme_remark", 100),
  ]),
  customTable("acme_visit", 10_103, "acme_subject", [
    text("acme_subject", 200),
    choice("acme_kind", { 1: "Service", 2: "Repair", 3: "Other" }),
    dateTime("acme_localtime", { behavior: "TimeZoneIndependent" }),
    dateTime("acme_finishedon"),
    ...currency("acme_visit"),
    ...money("acme_amount", 0, 100_000_000),
    lookup("acme_vehicleid", { table: "acme_vehicle", onDelete: "RemoveLink" }),
    text("acme_remark", 100),
  ]),
];

/** The organisation without a webhook. */
export function emptyOrganisation(nowMs: number): unknown[] {
  const database = makeDatabase(NO_JOURNAL);
  bootstrap(database, DEFAULT_OPTIONS, nowMs);
  const tx = database.begin();
  for (const table of customTables) tx.define(table);
  const put = makePut(database, tx, nowMs);
  for (const table of customTables) addMessageFilters(put, table);
  tx.commit();
  return [...database.dump()];
}

/** A journal that gives these entries and keeps nothing. */
export function journalOf(entries: readonly unknown[]): Journal {
  return {
    ...NO_JOURNAL,
    replay(apply) {
      // A history changes rows in place; the next one must not see it.
      for (const entry of structuredClone(entries)) apply(entry);
      return entries.length;
    },
  };
}

let registered: Promise<readonly unknown[]> | undefined;

/** The organisation with the app's webhook registered for every mapped table; made once in a process. */
export function registeredOrganisation(nowMs: number): Promise<readonly unknown[]> {
  registered ??= registrationOf(emptyOrganisation(nowMs), nowMs);
  return registered;
}
