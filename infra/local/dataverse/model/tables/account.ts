// The account table: what integrations of people need of companies. The real one has many more columns.
import {
  choice,
  decimal,
  flag,
  integer,
  lookup,
  memo,
  money,
  READ_ONLY,
  stateAndStatus,
  text,
  uuid,
} from "../column.js";
import type { TableDefinition } from "../table.js";
import { addressColumns } from "./contact.js";
import { defineTable } from "./define.js";

export const ACCOUNT: TableDefinition = defineTable({
  name: "account",
  setName: "accounts",
  primaryName: "name",
  objectTypeCode: 1,
  ownership: "UserOwned",
  changeTracking: true,
  canTrackChanges: true,
  events: true,
  columns: [
    uuid("accountid", { update: false, required: "SystemRequired" }),
    text("name", 160, { required: "ApplicationRequired" }),
    text("accountnumber", 20),
    text("emailaddress1", 100, { format: "Email" }),
    text("telephone1", 50),
    text("fax", 50),
    text("websiteurl", 200, { format: "Url" }),
    choice("customertypecode", { 1: "Competitor", 2: "Consultant", 3: "Customer" }),
    choice("industrycode", { 1: "Accounting", 2: "Agriculture and Non-petrol Natural Resource Extraction" }),
    integer("numberofemployees", { min: 0, max: 1_000_000_000 }),
    flag("donotemail", false, ["Allow", "Do Not Allow"]),
    flag("donotbulkemail", false, ["Allow", "Do Not Allow"]),
    flag("donotphone", false, ["Allow", "Do Not Allow"]),
    ...addressColumns(1),
    memo("description", 2000),
    lookup("primarycontactid", {
      table: "contact",
      relationship: "account_primary_contact",
      collection: "account_primary_contact",
    }),
    lookup("parentaccountid", {
      table: "account",
      relationship: "account_parent_account",
      collection: "account_parent_account",
    }),
    lookup("transactioncurrencyid", {
      table: "transactioncurrency",
      relationship: "transactioncurrency_account",
      collection: "transactioncurrency_account",
      onDelete: "Restrict",
    }),
    decimal("exchangerate", 12, READ_ONLY),
    ...money("revenue", 0, 100_000_000_000_000),
    ...money("creditlimit", 0, 100_000_000_000_000),
    flag("merged", false, ["No", "Yes"], READ_ONLY),
    lookup(
      "masterid",
      { table: "account", relationship: "account_master_account", collection: "account_master_account" },
      READ_ONLY,
    ),
    ...stateAndStatus({
      0: { label: "Active", statuses: { 1: "Active" } },
      1: { label: "Inactive", statuses: { 2: "Inactive" } },
    }),
  ],
});
