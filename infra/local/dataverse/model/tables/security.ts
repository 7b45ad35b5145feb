// Security roles; facts: Microsoft's table reference of role. Which privileges a role has and who has the role are kept beside the tables (../../security/).
import { choice, flag, lookup, READ_ONLY, text, uuid } from "../column.js";
import type { TableDefinition } from "../table.js";
import { defineTable } from "./define.js";

const parent = (name: string) =>
  lookup(
    name,
    { table: "role", relationship: `role_${name}`, collection: `role_${name}`, onDelete: "NoCascade" },
    READ_ONLY,
  );

export const SECURITY_TABLES: TableDefinition[] = [
  defineTable({
    name: "role",
    setName: "roles",
    primaryName: "name",
    objectTypeCode: 1036,
    columns: [
      uuid("roleid", { update: false, required: "SystemRequired" }),
      text("name", 100, { required: "SystemRequired" }),
      lookup("businessunitid", { table: "businessunit" }, { update: false, required: "SystemRequired" }),
      choice(
        "isinherited",
        { 0: "Team privileges only", 1: "Direct User (Basic) access level and Team privileges" },
        { default: 1 },
      ),
      flag("ismanaged", false, ["Unmanaged", "Managed"], READ_ONLY),
      parent("parentroleid"),
      parent("parentrootroleid"),
      lookup("roletemplateid", { table: "roletemplate" }, READ_ONLY),
    ],
  }),
];
