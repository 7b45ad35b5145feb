// What a table is, as data, and the compiled form that answers questions about it quickly. Rows live in ../store/.
import { bigint, type Column, dateTime, integer, type LookupTarget, lookup, lookupToAny, READ_ONLY } from "./column.js";

/** An alternate key. Only when its index is active it can be used in a URL, and is enforced; `failed`: rows with equal values. */
export interface AlternateKey {
  schemaName: string;
  name: string;
  columns: string[];
  metadataId: string;
  active: boolean;
  failed?: boolean;
}

/** Definition of one table: data only, so that it can be journalled whole. */
export interface TableDefinition {
  name: string;
  schemaName: string;
  setName: string;
  label: string;
  collectionLabel: string;
  metadataId: string;
  objectTypeCode: number;
  primaryId: string;
  primaryName: string | undefined;
  ownership: "UserOwned" | "OrganizationOwned" | "None";
  activity: boolean;
  custom: boolean;
  changeTracking: boolean;
  canTrackChanges: boolean;
  optimisticConcurrency: boolean;
  /** Takes part in the event pipeline (has sdkmessagefilters). */
  events: boolean;
  /** Refuses create, update and delete through the Web API. */
  readOnly: boolean;
  /** Has CreateMultiple and its siblings. */
  bulk: boolean;
  keys: AlternateKey[];
  columns: Column[];
}

/** A definition with its indexes. */
export interface Table extends TableDefinition {
  column(name: string): Column | undefined;
  /** By the name a lookup has in answers: `_parentcustomerid_value`. */
  lookupByValueName(name: string): Column | undefined;
  navigation(name: string): { column: Column; target: LookupTarget } | undefined;
  readable: readonly Column[];
  lookups: readonly Column[];
}

/** `_name_value` of a lookup, the column's own name otherwise. */
export const toPropertyName = (column: Column): string => (column.targets ? `_${column.name}_value` : column.name);

/** Compiles a definition. Make a new one when the definition changes. */
export function makeTable(definition: TableDefinition): Table {
  const byName = new Map(definition.columns.map((column) => [column.name, column]));
  const byValueName = new Map<string, Column>();
  const byNavigation = new Map<string, { column: Column; target: LookupTarget }>();
  for (const column of definition.columns) {
    if (!column.targets) continue;
    byValueName.set(toPropertyName(column), column);
    for (const target of column.targets) byNavigation.set(target.navigation, { column, target });
  }
  return {
    ...definition,
    column: (name) => byName.get(name),
    lookupByValueName: (name) => byValueName.get(name),
    navigation: (name) => byNavigation.get(name),
    readable: definition.columns.filter(({ read, type }) => read && type !== "PartyList"),
    lookups: definition.columns.filter(({ targets }) => targets),
  };
}

/** Columns every ordinary table has besides its own; facts/dataverse.md §14. */
export const auditColumns = (table: string): Column[] => {
  const user = (name: string): Column =>
    lookup(
      name,
      {
        table: "systemuser",
        relationship: `lk_${table}_${name}`,
        collection: `lk_${table}_${name}`,
        onDelete: "NoCascade",
      },
      READ_ONLY,
    );
  return [
    dateTime("createdon", READ_ONLY),
    dateTime("modifiedon", READ_ONLY),
    dateTime("overriddencreatedon", { format: "DateOnly", update: false }),
    user("createdby"),
    user("modifiedby"),
    user("createdonbehalfby"),
    user("modifiedonbehalfby"),
    bigint("versionnumber", READ_ONLY),
    integer("importsequencenumber", { update: false }),
    integer("timezoneruleversionnumber"),
    integer("utcconversiontimezonecode"),
  ];
};

/** Columns of a table whose rows belong to users. */
export const ownerColumns = (table: string): Column[] => {
  const names = (name: string) => ({
    relationship: `${name}_${table}`,
    collection: `${name}_${table}`,
    onDelete: "NoCascade" as const,
  });
  return [
    lookupToAny("ownerid", "Owner", [
      { table: "systemuser", navigation: "ownerid", ...names("owner_user") },
      { table: "team", navigation: "ownerid", ...names("owner_team") },
    ]),
    lookup("owningbusinessunit", { table: "businessunit", ...names("business_unit") }, READ_ONLY),
    lookup("owninguser", { table: "systemuser", ...names("user") }, READ_ONLY),
    lookup("owningteam", { table: "team", ...names("team") }, READ_ONLY),
  ];
};
