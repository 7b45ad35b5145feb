// Which privileges there are: eight of each table, those of activities shared, and a few of no table. Ids follow from the names, but for those that
// Microsoft publishes. Microsoft: "Privilege table reference", "ActivityPointer (activity) entity privileges", "Privileges by message".
import { toGuid } from "../model/ids.js";
import type { Table } from "../model/table.js";
import type { Organisation } from "../session.js";

/** What a privilege lets one do; its `PrivilegeType` in metadata. */
export const RIGHTS = ["Create", "Read", "Write", "Delete", "Assign", "Share", "Append", "AppendTo"] as const;
export type Right = (typeof RIGHTS)[number];

/** Whose rows: one's own, the business unit's, those of the units below, everybody's. */
export const DEPTHS = ["Basic", "Local", "Deep", "Global"] as const;
export type Depth = (typeof DEPTHS)[number];

/** One privilege. `depths`: those it can be given at. */
export interface Privilege {
  id: string;
  name: string;
  right: Right | "None";
  depths: readonly Depth[];
}

/** Tables whose privileges are not called after their schema name. */
const BASES: Record<string, string> = {
  systemuser: "User",
  businessunit: "BusinessUnit",
  sdkmessage: "SdkMessage",
  sdkmessagefilter: "SdkMessageFilter",
  sdkmessageprocessingstep: "SdkMessageProcessingStep",
  sdkmessageprocessingstepimage: "SdkMessageProcessingStepImage",
  serviceendpoint: "ServiceEndpoint",
  transactioncurrency: "TransactionCurrency",
  asyncoperation: "AsyncOperation",
};

/** Published ids (Microsoft: "ActivityPointer (activity) entity privileges"; prvReadEntity as reported). */
const IDS: Record<string, string> = {
  prvCreateActivity: "091df793-fe5e-44d4-b4ca-7e3f580c4664",
  prvReadActivity: "650c14fe-3521-45fe-a000-84138688e45d",
  prvWriteActivity: "0dc8f72c-57d5-4b4d-8892-fe6aac0e4b81",
  prvAppendActivity: "78777c10-09ab-4326-b4c8-cf5729702937",
  prvAppendToActivity: "6ec8e901-d770-44c0-8f12-d07425f638bd",
  prvReadEntity: "a3311f47-2134-44ee-a258-6774018d4bc3",
};

/** Privileges of no table of ours. */
const OTHERS = [
  ...["Entity", "Attribute", "Relationship", "OptionSet"].flatMap((kind) =>
    ["Create", "Read", "Write", "Delete"].map((right) => `prv${right}${kind}`),
  ),
  ...["prvReadPluginAssembly", "prvReadPluginType", "prvPublishCustomization"],
  ...["prvReadAuditSummary", "prvReadRecordAuditHistory", "prvReadAuditPartitions"],
  ...["prvActOnBehalfOfAnotherUser", "prvBypassCustomBusinessLogic", "prvBypassCustomPlugins"],
];

/** What every new role gets by itself (Microsoft: "Default privileges for a role"). */
export const OF_EVERY_ROLE = [
  ...["prvReadPluginAssembly", "prvReadPluginType", "prvReadSdkMessage"],
  ...["prvReadSdkMessageProcessingStep", "prvReadSdkMessageProcessingStepImage"],
];

/** The id of the privilege of this name. */
export const privilegeId = (name: string): string => IDS[name] ?? toGuid(name);

/** Custom activities inherit the privileges of activitypointer (Microsoft: "Custom activities"), unless the switch says otherwise. */
export function privilegeName({ switches }: Organisation, right: Right, table: Table): string {
  const isShared = table.name === "activitypointer" || (table.activity && switches.activityPrivileges === "shared");
  return `prv${right}${isShared ? "Activity" : (BASES[table.name] ?? table.schemaName)}`;
}

/** The privileges of a table. Rows that belong to nobody have neither owners to be assigned nor depths. */
export function privilegesOf(org: Organisation, table: Table): Privilege[] {
  const isOwned = table.ownership === "UserOwned";
  return RIGHTS.filter((right) => isOwned || (right !== "Assign" && right !== "Share")).map((right) => {
    const name = privilegeName(org, right, table);
    return { id: privilegeId(name), name, right, depths: isOwned ? DEPTHS : ["Global"] };
  });
}

/** All there are, each once, by name. */
export function allPrivileges(org: Organisation): Map<string, Privilege> {
  const others = OTHERS.map((name) => ({ id: privilegeId(name), name, right: "None", depths: ["Global"] }) as const);
  const ofTables = org.database.tables().flatMap((table) => privilegesOf(org, table));
  return new Map([...others, ...ofTables].map((privilege) => [privilege.name, privilege]));
}
