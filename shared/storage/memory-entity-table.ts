// The in-memory twin of azure-entity-table.ts: same answers, same refusals, nothing outlives the process.
// Held against the real one by test/contract/entity-table.contract.ts.

import { ConflictError, UnavailableError } from "../errors.js";
import { checkEntity, checkKey } from "./entity-limits.js";
import type { Entity, EntityTable, ListPart } from "./entity-table.js";
import type { DroppableTables } from "./entity-tables.js";

/** Tables in memory. As in Azure, a table exists only once `ensure` has named it. */
export function makeMemoryEntityTables(): DroppableTables {
  const tables = new Map<string, MemoryRows>();
  return {
    table: (name) => makeTable(name, () => tables.get(name)),
    async ensure(names) {
      for (const name of names) if (!tables.has(name)) tables.set(name, { entities: new Map(), writes: 0 });
    },
    async drop(names) {
      for (const name of names) tables.delete(name);
    },
  };
}

interface MemoryRows {
  entities: Map<string, Entity>;
  writes: number;
}

function makeTable(name: string, find: () => MemoryRows | undefined): EntityTable {
  const rows = (): MemoryRows => {
    const found = find();
    if (!found)
      throw new UnavailableError(`table ${name} does not exist`, false, { table: name, code: "TableNotFound" });
    return found;
  };
  const put = (partition: string, row: string, values: Entity["values"]): string => {
    const target = rows();
    target.writes += 1;
    const etag = `"${target.writes}"`;
    target.entities.set(keyOf(partition, row), { partition, row, values: { ...values }, etag });
    return etag;
  };

  return {
    async get(partition, row) {
      checkKey("partition", partition);
      checkKey("row", row);
      return copyOf(rows().entities.get(keyOf(partition, row)));
    },
    async insert(partition, row, values) {
      checkEntity(partition, row, values);
      if (rows().entities.has(keyOf(partition, row))) throw conflict(name, "EntityAlreadyExists");
      return put(partition, row, values);
    },
    async replace(partition, row, values, etag) {
      checkEntity(partition, row, values);
      const current = rows().entities.get(keyOf(partition, row));
      if (current?.etag !== etag) throw conflict(name, current ? "UpdateConditionNotSatisfied" : "ResourceNotFound");
      return put(partition, row, values);
    },
    async remove(partition, row, etag) {
      const { entities } = rows();
      const current = entities.get(keyOf(partition, row));
      if (current && current.etag !== etag) throw conflict(name, "UpdateConditionNotSatisfied");
      entities.delete(keyOf(partition, row));
    },
    async *list(partition, part) {
      const { entities } = rows();
      const wanted = [...entities.values()].filter((entity) =>
        partition === undefined ? isIn(part, entity) : entity.partition === partition,
      );
      for (const { partition: ofPartition, row } of wanted.sort(inKeyOrder)) {
        // Read again: a page is not a snapshot of the table, in Azure either.
        const entity = copyOf(entities.get(keyOf(ofPartition, row)));
        if (entity) yield entity;
      }
    },
  };
}

function isIn(part: ListPart | undefined, entity: Entity): boolean {
  if (!part) return true;
  const { prefix = "", after, equals = {} } = part;
  if (!entity.partition.startsWith(prefix)) return false;
  if (after && inKeyOrder({ ...entity, ...after }, entity) >= 0) return false;
  return Object.entries(equals).every(([name, value]) => entity.values[name] === value);
}

/** No key holds a slash, so this is unambiguous. */
function keyOf(partition: string, row: string): string {
  return `${partition}/${row}`;
}

function copyOf(entity: Entity | undefined): Entity | undefined {
  return entity && { ...entity, values: { ...entity.values } };
}

function inKeyOrder(a: Entity, b: Entity): number {
  if (a.partition !== b.partition) return a.partition < b.partition ? -1 : 1;
  if (a.row === b.row) return 0;
  return a.row < b.row ? -1 : 1;
}

function conflict(table: string, code: string): ConflictError {
  return new ConflictError(`table ${table}: somebody else was faster (${code})`, { table, code });
}
