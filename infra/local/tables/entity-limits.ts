// What the real table service lets an entity be, as a pure function. Who asks is entity-guard.ts.
// Sources: facts/azure-local.md §3 (the limits), Microsoft's page of error codes (codes), its archived post on the size of an
// entity (the sum); that the real service refuses 88 to 160 bytes below that sum is a third party's measurement.

/** Properties as Azurite stores them: values in JSON form, the type of `name` under `name@odata.type`. */
export type StoredProperties = Readonly<Record<string, unknown>>;

/** An entity as Azurite stores it. */
export interface StoredEntity {
  PartitionKey: string;
  RowKey: string;
  properties: StoredProperties;
}

/** Why the real service answers 400, in its own words. */
export interface Refusal {
  code: "TooManyProperties" | "EntityTooLarge";
  message: string;
}

/** Custom properties of one entity, beside PartitionKey, RowKey and Timestamp. */
export const maxProperties = 252;

/** Size of one entity in bytes, keys and names of properties included. */
export const maxEntityBytes = 1024 * 1024;

/** 4 bytes by Microsoft's sum, and the largest overhead measured beyond it: what passes here passes there. */
const entityOverheadBytes = 4 + 160;
const propertyOverheadBytes = 8;

const typeSuffix = "@odata.type";
const systemProperties = new Set(["PartitionKey", "RowKey", "Timestamp"]);

/** Says why the real service would refuse `entity`, or undefined when it would take it. */
export function refusalOf(entity: StoredEntity): Refusal | undefined {
  const properties = customProperties(entity.properties);
  if (properties.length > maxProperties) {
    return {
      code: "TooManyProperties",
      message: `The entity contains more properties than allowed. Each entity can include up to ${maxProperties} properties to store data. Each entity also has 3 system properties.`,
    };
  }
  const keyBytes = 2 * (entity.PartitionKey.length + entity.RowKey.length);
  const bytes = properties.reduce(
    (sum, [name, value, type]) => sum + propertyOverheadBytes + 2 * name.length + valueBytes(value, type),
    entityOverheadBytes + keyBytes,
  );
  if (bytes <= maxEntityBytes) return undefined;
  return { code: "EntityTooLarge", message: "The entity is larger than the maximum allowed size (1MB)." };
}

/** Name, value and type of what counts: a null is not stored. */
function customProperties(properties: StoredProperties): [name: string, value: unknown, type: unknown][] {
  return Object.entries(properties)
    .filter(([name, value]) => value !== null && !name.endsWith(typeSuffix) && !systemProperties.has(name))
    .map(([name, value]) => [name, value, properties[name + typeSuffix]]);
}

function valueBytes(value: unknown, type: unknown): number {
  if (typeof value === "boolean") return 1;
  if (type === "Edm.Guid") return 16;
  if (type === "Edm.Int64" || type === "Edm.DateTime" || type === "Edm.Double") return 8;
  if (typeof value === "number") return Number.isInteger(value) ? 4 : 8;
  const text = String(value);
  return 4 + (type === "Edm.Binary" ? Buffer.byteLength(text, "base64") : 2 * text.length);
}
