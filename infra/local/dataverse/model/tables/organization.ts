// Tables about the organisation itself: users, units, currency, settings, solutions. Only the columns the facts or a client's first steps need.
import { choice, decimal, flag, integer, lookup, READ_ONLY, text, uuid } from "../column.js";
import type { TableDefinition } from "../table.js";
import { defineTable } from "./define.js";

const key = (name: string) => uuid(name, { update: false, required: "SystemRequired" });

export const ORGANIZATION_TABLES: TableDefinition[] = [
  defineTable({
    name: "organization",
    setName: "organizations",
    primaryName: "name",
    objectTypeCode: 1019,
    columns: [
      key("organizationid"),
      text("name", 160, READ_ONLY),
      integer("expirechangetrackingindays", { min: 0, max: 365 }),
      integer("languagecode", READ_ONLY),
      lookup("basecurrencyid", { table: "transactioncurrency" }, READ_ONLY),
    ],
  }),
  defineTable({
    name: "businessunit",
    setName: "businessunits",
    primaryName: "name",
    objectTypeCode: 10,
    columns: [key("businessunitid"), text("name", 160), lookup("parentbusinessunitid", { table: "businessunit" })],
  }),
  defineTable({
    name: "systemuser",
    setName: "systemusers",
    primaryName: "fullname",
    objectTypeCode: 8,
    columns: [
      key("systemuserid"),
      text("fullname", 200, READ_ONLY),
      text("firstname", 256),
      text("lastname", 256),
      text("domainname", 1024),
      text("internalemailaddress", 100, { format: "Email" }),
      uuid("applicationid"),
      uuid("azureactivedirectoryobjectid"),
      flag("isdisabled", false, ["Enabled", "Disabled"]),
      lookup("businessunitid", { table: "businessunit" }),
    ],
  }),
  defineTable({
    name: "team",
    setName: "teams",
    primaryName: "name",
    objectTypeCode: 9,
    columns: [key("teamid"), text("name", 160), lookup("businessunitid", { table: "businessunit" })],
  }),
  defineTable({
    name: "transactioncurrency",
    setName: "transactioncurrencies",
    primaryName: "currencyname",
    objectTypeCode: 9105,
    columns: [
      key("transactioncurrencyid"),
      text("currencyname", 100),
      text("isocurrencycode", 5),
      text("currencysymbol", 10),
      integer("currencyprecision", { min: 0, max: 10 }),
      decimal("exchangerate", 12),
    ],
  }),
  defineTable({
    name: "publisher",
    setName: "publishers",
    primaryName: "friendlyname",
    objectTypeCode: 7101,
    columns: [
      key("publisherid"),
      text("uniquename", 256),
      text("friendlyname", 256),
      text("customizationprefix", 8),
      integer("customizationoptionvalueprefix", { min: 10_000, max: 99_999 }),
      text("description", 2000),
    ],
  }),
  defineTable({
    name: "solution",
    setName: "solutions",
    primaryName: "friendlyname",
    objectTypeCode: 7100,
    columns: [
      key("solutionid"),
      text("uniquename", 65),
      text("friendlyname", 256),
      text("version", 256),
      text("description", 2000),
      flag("ismanaged", false, ["Unmanaged", "Managed"], READ_ONLY),
      lookup("publisherid", { table: "publisher" }),
    ],
  }),
  defineTable({
    name: "solutioncomponent",
    setName: "solutioncomponents",
    primaryName: undefined,
    objectTypeCode: 7103,
    readOnly: true,
    columns: [
      key("solutioncomponentid"),
      uuid("objectid"),
      choice("componenttype", {
        1: "Entity",
        2: "Attribute",
        10: "Relationship",
        92: "SDK Message Processing Step",
        95: "Service Endpoint",
      }),
      lookup("solutionid", { table: "solution" }),
    ],
  }),
];
