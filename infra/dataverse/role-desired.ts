// What the application user may do in Dynamics: the least that the app's own calls need, from the mappings and settings in force, each privilege with its
// reason (infra/dataverse/README.md has the calls). Pure. Comparing and applying is role.ts, names and ids as Dynamics has them are role-found.ts.

import { activityTables } from "../../shared/dataverse/activity-tables.js";
import { compileMapping } from "../../shared/mapping/compile.js";
import type { TableMapping } from "../../shared/mapping/table-mapping.js";
import type { Settings } from "../../shared/settings/load.js";

/** What may be done with rows of a table; Dynamics calls it the type of a privilege. */
export type Right = "Create" | "Read" | "Write" | "Append" | "AppendTo";

/** Of whose rows: `Basic` one's own, `Global` everybody's. */
export type Depth = "Basic" | "Global";

/**
 * One privilege. `name` is the usual one; of `tables` the metadata say what their privileges are really called. `unconfirmed`: no documentation says whether it is
 * needed, or the documentation is old; it can be left out (README.md).
 */
export interface RequiredPrivilege {
  name: string;
  depth: Depth;
  reason: string;
  right?: Right;
  tables?: readonly string[];
  unconfirmed?: true;
}

/** The settings that decide. */
export type RoleSettings = Pick<Settings, "egress">;

/** Every privilege the app needs for these mappings and settings, each once, by name. Mappings as published: filled in from the metadata. */
export function privilegesFor(mappings: Iterable<TableMapping>, settings: RoleSettings): RequiredPrivilege[] {
  const all = [...mappings];
  const wanted = [
    ...all.map(({ table }) => of("Read", table.name, "Global", "the sweep, loads and fresh reads of a mapped table")),
    ...all.flatMap(optOutPrivileges),
    ...egressPrivileges(settings),
    ...all.flatMap(lookupNames),
    ...metadataPrivileges,
  ];
  return merged(wanted).sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** What Dynamics gives every new role by itself (Microsoft: "Default privileges for a role"). We neither need them nor take them away. */
export const givenToEveryRole: ReadonlySet<string> = new Set([
  "prvReadPluginAssembly",
  "prvReadPluginType",
  "prvReadSdkMessage",
  "prvReadSdkMessageProcessingStep",
  "prvReadSdkMessageProcessingStepImage",
]);

function optOutPrivileges({ table, optOuts }: TableMapping): RequiredPrivilege[] {
  if (!optOuts || optOuts.direction === "disabled") return [];
  const { direction, evidence } = optOuts;
  return [
    ...(direction === "toCampaign"
      ? []
      : [of("Write", table.name, "Global", "opt-outs of Campaign are written to the row, whoever owns it")]),
    ...(evidence === "audit" ? auditPrivileges : []),
  ];
}

/** As Microsoft's list of privileges by message has it, for the function and for the rows. */
const auditPrivileges: readonly RequiredPrivilege[] = [
  { name: "prvReadAuditSummary", depth: "Global", reason: "the audit history proves opt-ins (evidence: audit)" },
  {
    name: "prvReadRecordAuditHistory",
    depth: "Global",
    reason: "the audit history of one column proves opt-ins (evidence: audit)",
  },
  {
    name: "prvReadAuditPartitions",
    depth: "Global",
    reason: "named for the audit history of a column by an old list of Microsoft's",
    unconfirmed: true,
  },
];

/** Rows of ours are made, completed and never touched again: their own depth is enough, but for looking whether they are there. */
function egressPrivileges({ egress }: RoleSettings): RequiredPrivilege[] {
  const { types, tasks, prefix, tables } = egress;
  if (types.size === 0) return [];
  const named = activityTables(prefix, tables);
  const withTasks = [...tasks].some((type) => types.has(type));
  const written = [...[...types].map((type) => named[type].name), ...(withTasks ? ["task"] : [])];
  const activity = (right: Right, depth: Depth, reason: string): RequiredPrivilege[] =>
    written.map((table) => ({ ...of(right, table, depth, reason), name: `prv${right}Activity` }));
  return [
    ...activity("Create", "Basic", `e-mail events become activities${withTasks ? " and tasks" : ""}`),
    ...activity("Read", "Global", "events that came twice are found again, whoever owns their activity by now"),
    ...[...types].map((type) => ({
      ...of("Write", named[type].name, "Basic", "an activity is completed when it is made"),
      name: "prvWriteActivity",
    })),
    ...activity("Append", "Basic", "an activity is set regarding its contact"),
    of("AppendTo", "contact", "Global", "activities are set regarding the contact, whoever owns it"),
    of("Read", "contact", "Global", "the contact of an event is looked up, and the one it was merged into"),
  ];
}

/** A lookup's name comes with the row itself; nothing says that it does for somebody who may not read the row behind. */
function lookupNames(mapping: TableMapping): RequiredPrivilege[] {
  return Object.entries(compileMapping(mapping).lookups).flatMap(([column, { name }]) => {
    const entry = mapping.columns[column];
    const targets = typeof entry === "object" ? (entry.targets ?? []) : [];
    const reason = `the name of ${mapping.table.name}.${column} is mapped`;
    return name ? targets.map((table) => ({ ...of("Read", table, "Global", reason), unconfirmed: true as const })) : [];
  });
}

const checked = "settings are checked against the metadata";
const metadataPrivileges: readonly RequiredPrivilege[] = [
  { name: "prvReadEntity", depth: "Global", reason: `${checked}: tables`, unconfirmed: true },
  { name: "prvReadAttribute", depth: "Global", reason: `${checked}: columns`, unconfirmed: true },
  { name: "prvReadOptionSet", depth: "Global", reason: `${checked}: labels of choices`, unconfirmed: true },
];

function of(right: Right, table: string, depth: Depth, reason: string): RequiredPrivilege {
  return { name: `prv${right}${privilegeBase(table)}`, depth, reason, right, tables: [table] };
}

/** Tables whose privileges are not called after them; case does not count. */
const otherNames: Readonly<Record<string, string>> = {
  systemuser: "User",
  annotation: "Note",
  salesorder: "Order",
  activitypointer: "Activity",
  task: "Activity",
  email: "Activity",
  phonecall: "Activity",
  appointment: "Activity",
  letter: "Activity",
  fax: "Activity",
};

function privilegeBase(table: string): string {
  return (
    otherNames[table] ??
    `${table.charAt(0).toUpperCase()}${table.slice(1)}`.replace(/^([A-Z])([a-z0-9]*_)/, (all) => all.toLowerCase())
  );
}

/** One entry a name: the deeper depth, all tables, all reasons; confirmed where one of them is. */
function merged(all: readonly RequiredPrivilege[]): RequiredPrivilege[] {
  const byName = new Map<string, RequiredPrivilege>();
  for (const one of all) {
    const before = byName.get(one.name);
    byName.set(one.name, before ? merge(before, one) : one);
  }
  return [...byName.values()];
}

function merge(one: RequiredPrivilege, other: RequiredPrivilege): RequiredPrivilege {
  const { unconfirmed: _both, ...rest } = one;
  const reasons = new Set([...one.reason.split("; "), ...other.reason.split("; ")]);
  return {
    ...rest,
    depth: one.depth === "Global" || other.depth === "Global" ? "Global" : "Basic",
    reason: [...reasons].join("; "),
    ...(one.tables && { tables: [...new Set([...one.tables, ...(other.tables ?? [])])] }),
    ...(one.unconfirmed && other.unconfirmed && { unconfirmed: true as const }),
  };
}
