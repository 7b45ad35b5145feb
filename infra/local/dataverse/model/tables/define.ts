import type { Column } from "../column.js";
import { toGuid } from "../ids.js";
import { auditColumns, ownerColumns, type TableDefinition } from "../table.js";

type Given = Pick<TableDefinition, "name" | "setName" | "primaryName" | "columns" | "objectTypeCode"> &
  Partial<TableDefinition>;

const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/** A definition with what most tables have in common; the primary id is `<name>id`, audit and owner columns are added. */
export const defineTable = (given: Given): TableDefinition => {
  const ownership = given.ownership ?? "OrganizationOwned";
  const columns: Column[] = [
    ...given.columns,
    ...(ownership === "UserOwned" ? ownerColumns(given.name) : []),
    ...auditColumns(given.name),
  ];
  return {
    schemaName: capital(given.name),
    label: capital(given.name),
    collectionLabel: capital(given.setName),
    metadataId: toGuid(`table ${given.name}`),
    primaryId: `${given.name}id`,
    activity: false,
    custom: false,
    changeTracking: false,
    canTrackChanges: false,
    optimisticConcurrency: true,
    events: false,
    readOnly: false,
    bulk: false,
    keys: [],
    ...given,
    ownership,
    columns,
  };
};
