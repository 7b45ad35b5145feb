// Activities: the columns every activity table inherits, the union table, and task; facts/dataverse.md §10.
import {
  type Column,
  CREATE_ONLY,
  choice,
  dateTime,
  entityName,
  flag,
  integer,
  lookupToAny,
  memo,
  partyList,
  READ_ONLY,
  stateAndStatus,
  text,
  uuid,
} from "../column.js";
import type { TableDefinition } from "../table.js";
import { defineTable } from "./define.js";

const PRIORITY = { 0: "Low", 1: "Normal", 2: "High" };

/** States of activitypointer and, by default, of custom activities. */
export const ACTIVITY_STATES = stateAndStatus({
  0: { label: "Open", statuses: { 1: "Open" } },
  1: { label: "Completed", statuses: { 2: "Completed" } },
  2: { label: "Canceled", statuses: { 3: "Canceled" } },
  3: { label: "Scheduled", statuses: { 4: "Scheduled" } },
});

/**
 * Columns an activity table inherits. `regardingTables`: what the regarding lookup may name; its navigation properties are
 * `regardingobjectid_<target>_<activity>`, on activitypointer without the last part.
 */
export const activityColumns = (activity: string, subject: Column, regardingTables: string[]): Column[] => [
  uuid("activityid", { ...CREATE_ONLY, required: "SystemRequired" }),
  subject,
  memo("description", 2000),
  dateTime("scheduledstart"),
  dateTime("scheduledend", { label: "Due Date" }),
  dateTime("actualstart"),
  dateTime("actualend"),
  integer("actualdurationminutes", { min: 0, max: 2_147_483_647 }),
  integer("scheduleddurationminutes", { min: 0, max: 2_147_483_647 }),
  choice("prioritycode", PRIORITY, { default: 1 }),
  choice("instancetypecode", { 0: "Not Recurring" }, { ...READ_ONLY, default: 0 }),
  entityName("activitytypecode", { ...READ_ONLY, default: activity }),
  dateTime("sortdate"),
  flag("isbilled", false),
  flag("isworkflowcreated", false),
  flag("leftvoicemail", false),
  lookupToAny(
    "regardingobjectid",
    "Lookup",
    regardingTables.map((table) => {
      const capital = table.charAt(0).toUpperCase() + table.slice(1);
      const plain = activity === "activitypointer";
      return {
        table,
        navigation: plain ? `regardingobjectid_${table}` : `regardingobjectid_${table}_${activity}`,
        relationship: plain
          ? `${capital}_ActivityPointers`
          : activity === "task"
            ? `${capital}_Tasks`
            : `${table}_${activity}s`,
        collection: plain
          ? `${capital}_ActivityPointers`
          : activity === "task"
            ? `${capital}_Tasks`
            : `${table}_${activity}s`,
        onDelete: "Cascade" as const,
      };
    }),
  ),
  ...[
    "from",
    "to",
    "cc",
    "bcc",
    "requiredattendees",
    "optionalattendees",
    "organizer",
    "resources",
    "partners",
    "customers",
  ].map(partyList),
];

const REGARDING = ["account", "contact"];

export const ACTIVITY_TABLES: TableDefinition[] = [
  defineTable({
    name: "activitypointer",
    setName: "activitypointers",
    primaryId: "activityid",
    primaryName: "subject",
    objectTypeCode: 4200,
    ownership: "UserOwned",
    readOnly: true,
    columns: [...activityColumns("activitypointer", text("subject", 400), REGARDING), ...ACTIVITY_STATES],
  }),
  defineTable({
    name: "task",
    setName: "tasks",
    primaryId: "activityid",
    primaryName: "subject",
    objectTypeCode: 4212,
    ownership: "UserOwned",
    activity: true,
    changeTracking: false,
    canTrackChanges: true,
    events: true,
    columns: [
      ...activityColumns("task", text("subject", 200), REGARDING),
      integer("percentcomplete", { min: 0, max: 100 }),
      text("category", 250),
      text("subcategory", 250),
      ...stateAndStatus({
        0: {
          label: "Open",
          statuses: { 2: "Not Started", 3: "In Progress", 4: "Waiting on someone else", 7: "Deferred" },
        },
        1: { label: "Completed", statuses: { 5: "Completed" } },
        2: { label: "Canceled", statuses: { 6: "Canceled" } },
      }),
    ],
  }),
];
