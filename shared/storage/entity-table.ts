// The storage port: one table of small entities with ETags. Twins: azure-entity-table.ts and memory-entity-table.ts.

/** A property value. Numbers are 32-bit integers; anything larger travels as text. */
export type EntityValue = string | number | boolean;

/** An entity as stored; `etag` is opaque and changes with every write. */
export interface Entity {
  partition: string;
  row: string;
  values: Readonly<Record<string, EntityValue>>;
  etag: string;
}

/**
 * A table of entities. Every method throws UnavailableError when the store cannot be reached: a read that fails is never
 * "nothing there". Keys hold no `/ \ # ?` and no control characters.
 */
export interface EntityTable {
  get(partition: string, row: string): Promise<Entity | undefined>;
  /** Adds the entity and answers its ETag. ConflictError: it exists. */
  insert(partition: string, row: string, values: Entity["values"]): Promise<string>;
  /** Replaces all properties of the entity that still has `etag`, and answers the new one. ConflictError: stale, or gone. */
  replace(partition: string, row: string, values: Entity["values"], etag: string): Promise<string>;
  /** Removes the entity that still has `etag`. ConflictError: stale. Removing what is gone is done. */
  remove(partition: string, row: string, etag: string): Promise<void>;
  /** All entities of a partition, or of the table, in key order. */
  list(partition?: string, part?: ListPart): AsyncIterable<Entity>;
}

/** Which part of a list is wanted; without partition only. What it leaves out is not transferred. */
export interface ListPart {
  /** Partitions that begin with this. */
  prefix?: string;
  /** Entities behind this key, which need not exist. */
  after?: Pick<Entity, "partition" | "row">;
  /** Entities with these texts in these properties. */
  equals?: Readonly<Record<string, string>>;
}
