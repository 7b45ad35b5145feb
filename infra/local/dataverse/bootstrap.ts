// What a new organisation contains before anyone has done anything: tables, users, currency, messages and their filters.
import type { Value } from "./model/column.js";
import { toGuid, WELL_KNOWN } from "./model/ids.js";
import type { TableDefinition } from "./model/table.js";
import { ACCOUNT } from "./model/tables/account.js";
import { ACTIVITY_TABLES } from "./model/tables/activity.js";
import { CONTACT } from "./model/tables/contact.js";
import { ORGANIZATION_TABLES } from "./model/tables/organization.js";
import { REGISTRATION_TABLES } from "./model/tables/registration.js";
import { SECURITY_TABLES } from "./model/tables/security.js";
import type { App, DataverseOptions } from "./options.js";
import { setRolesOf } from "./security/held.js";
import type { Database, Transaction } from "./store/database.js";

const TABLES: TableDefinition[] = [
  ...ORGANIZATION_TABLES,
  CONTACT,
  ACCOUNT,
  ...ACTIVITY_TABLES,
  ...REGISTRATION_TABLES,
  ...SECURITY_TABLES,
];

/** Messages every table with events has filters for. */
const TABLE_MESSAGES = [
  "Create",
  "Update",
  "Delete",
  "Assign",
  "SetState",
  "SetStateDynamicEntity",
  "Retrieve",
  "RetrieveMultiple",
];
const BULK_MESSAGES = ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"];
const OTHER_MESSAGES = ["Associate", "Disassociate", "Merge", "Upsert"];
const MERGEABLE = new Set(["contact", "account"]);
/** The one id the facts give (facts/dataverse.md §11). */
const MESSAGE_IDS: Record<string, string> = { Create: "9ebdbb1b-ea3e-db11-86a7-000a3a5473e8" };

const messageId = (name: string): string => MESSAGE_IDS[name] ?? toGuid(`message ${name}`);

/** Writes a row as it is, with audit columns. */
export type PutRow = (table: string, row: Record<string, Value>) => void;

/** Writes rows of a transaction as they are, with the time of now. */
export const makePut = (database: Database, tx: Transaction, nowMs: number): PutRow => {
  const seconds = Math.floor(nowMs / 1000);
  return (name, row) => {
    const table = database.table(name);
    if (table) tx.put(table, { ...row, createdon: seconds, modifiedon: seconds, versionnumber: tx.nextVersion() });
  };
};

/** Adds the message filters of a table, so that steps can be registered for it. */
export function addMessageFilters(put: PutRow, table: Pick<TableDefinition, "name" | "events" | "bulk">): void {
  if (!table.events) return;
  const messages = [
    ...TABLE_MESSAGES,
    ...(table.bulk ? BULK_MESSAGES : []),
    ...(MERGEABLE.has(table.name) ? ["Merge"] : []),
  ];
  for (const message of messages) {
    put("sdkmessagefilter", {
      sdkmessagefilterid: toGuid(`filter ${message} ${table.name}`),
      name: "",
      primaryobjecttypecode: table.name,
      secondaryobjecttypecode: "none",
      sdkmessageid: { table: "sdkmessage", id: messageId(message) },
    });
  }
}

const addUser = (put: PutRow, id: string, firstname: string, lastname: string, app: App | undefined): void => {
  put("systemuser", {
    systemuserid: id,
    firstname,
    lastname,
    fullname: `${firstname} ${lastname}`,
    domainname: `${firstname.toLowerCase()}@example.com`,
    internalemailaddress: `${firstname.toLowerCase()}@example.com`,
    azureactivedirectoryobjectid: toGuid(`directory object ${id}`),
    applicationid: app?.clientId ?? null,
    businessunitid: { table: "businessunit", id: WELL_KNOWN.businessUnit },
  });
};

/** Fills an empty database. */
export function bootstrap(database: Database, options: DataverseOptions, nowMs: number): void {
  const tx = database.begin();
  for (const table of TABLES) tx.define(table);
  const put = makePut(database, tx, nowMs);
  const currency = { table: "transactioncurrency", id: WELL_KNOWN.currency };
  tx.keep("setting", "organizationId", options.organizationId);
  put("organization", {
    organizationid: options.organizationId,
    name: "Contoso",
    expirechangetrackingindays: 7,
    languagecode: 1033,
    basecurrencyid: currency,
  });
  put("businessunit", { businessunitid: WELL_KNOWN.businessUnit, name: "Contoso" });
  put("transactioncurrency", {
    ...{ transactioncurrencyid: WELL_KNOWN.currency, currencyname: "US Dollar", isocurrencycode: "USD" },
    ...{ currencysymbol: "$", currencyprecision: 2, exchangerate: 1 },
  });
  const appOf = (id: string): App | undefined => options.apps.find(({ userId }) => userId === id);
  addUser(put, WELL_KNOWN.integrationUser, "Integration", "App", appOf(WELL_KNOWN.integrationUser));
  addUser(put, WELL_KNOWN.editorUser, "Casey", "Editor", appOf(WELL_KNOWN.editorUser));
  const root = { table: "role", id: WELL_KNOWN.administratorRole };
  put("role", {
    ...{ roleid: root.id, name: "System Administrator", parentrootroleid: root, ismanaged: true, isinherited: 1 },
    // The same everywhere (Microsoft: "Security roles and templates").
    roletemplateid: { table: "roletemplate", id: "627090ff-40a3-4053-8790-584edc5be201" },
    businessunitid: { table: "businessunit", id: WELL_KNOWN.businessUnit },
  });
  for (const id of [WELL_KNOWN.integrationUser, WELL_KNOWN.editorUser]) setRolesOf(tx, id, [root.id]);
  put("publisher", {
    ...{ publisherid: toGuid("publisher default"), uniquename: "DefaultPublisher", friendlyname: "Default Publisher" },
    ...{ customizationprefix: "new", customizationoptionvalueprefix: 10_000 },
  });
  put("solution", {
    ...{
      solutionid: toGuid("solution default"),
      uniquename: "Default",
      friendlyname: "Default Solution",
      version: "1.0",
    },
    publisherid: { table: "publisher", id: toGuid("publisher default") },
  });
  for (const name of [...TABLE_MESSAGES, ...BULK_MESSAGES, ...OTHER_MESSAGES])
    put("sdkmessage", { sdkmessageid: messageId(name), name });
  for (const table of TABLES) addMessageFilters(put, table);
  tx.commit();
}
