// A table that reads through to another one and never writes there: what is changed is kept in a table of its own, on top. What a dry run works on is
// put together in dry-tables.ts.

import { ConflictError } from "../errors.js";
import type { Entity, EntityTable } from "./entity-table.js";

/** What stands on top in place of an entity of the lower table that was removed. */
const removed = "removedOnTop";
/** ETags tell where an entity was read. */
const [fromTop, fromBase] = ["top:", "base:"];

/**
 * `base` as it would be after all changes; they go into the table that `top` answers, asked before each call. `base` must not change meanwhile, or what
 * changed there is seen only where nothing is on top. Promises what EntityTable does.
 */
export function makeLayeredTable(base: EntityTable, top: () => Promise<EntityTable>): EntityTable {
  const under = (entity: Entity | undefined): Entity | undefined =>
    entity && { ...entity, etag: fromBase + entity.etag };
  const over = (entity: Entity): Entity | undefined =>
    entity.values[removed] === true ? undefined : { ...entity, etag: fromTop + entity.etag };

  return {
    async get(partition, row) {
      const own = await (await top()).get(partition, row);
      return own ? over(own) : under(await base.get(partition, row));
    },

    async insert(partition, row, values) {
      const upper = await top();
      const own = await upper.get(partition, row);
      if (own && over(own)) throw conflict("it exists");
      if (own) return fromTop + (await upper.replace(partition, row, values, own.etag));
      if (await base.get(partition, row)) throw conflict("it exists");
      return fromTop + (await upper.insert(partition, row, values));
    },

    async replace(partition, row, values, etag) {
      const upper = await top();
      if (etag.startsWith(fromTop)) {
        return fromTop + (await upper.replace(partition, row, values, etag.slice(fromTop.length)));
      }
      if (under(await base.get(partition, row))?.etag !== etag) throw conflict("it has changed");
      return fromTop + (await upper.insert(partition, row, values));
    },

    async remove(partition, row, etag) {
      const upper = await top();
      const own = await upper.get(partition, row);
      const lower = await base.get(partition, row);
      if (own ? !over(own) : !lower) return;
      if ((own ? over(own) : under(lower))?.etag !== etag) throw conflict("it has changed");
      if (!own) await upper.insert(partition, row, { [removed]: true });
      else if (lower) await upper.replace(partition, row, { [removed]: true }, own.etag);
      else await upper.remove(partition, row, own.etag);
    },

    async *list(partition, part) {
      // An entity that is changed on top hides the one below, though it may not be among those that are wanted any more.
      const { equals = {}, ...range } = part ?? {};
      const upper = (await top()).list(partition, part && range)[Symbol.asyncIterator]();
      let own = await upper.next();
      const before = (entity: Entity | undefined): boolean =>
        own.done !== true && (entity === undefined || inKeyOrder(own.value, entity) <= 0);
      const isWanted = (entity: Entity): boolean =>
        partition !== undefined || Object.entries(equals).every(([name, value]) => entity.values[name] === value);
      for await (const entity of endedByUndefined(base.list(partition, part))) {
        let hidden = false;
        while (before(entity)) {
          const shown = over(own.value);
          hidden = entity !== undefined && inKeyOrder(own.value, entity) === 0;
          if (shown && isWanted(shown)) yield shown;
          own = await upper.next();
        }
        const shown = under(entity);
        if (shown && !hidden) yield shown;
      }
    },
  };
}

async function* endedByUndefined(entities: AsyncIterable<Entity>): AsyncIterable<Entity | undefined> {
  yield* entities;
  yield undefined;
}

function inKeyOrder(a: Entity, b: Entity): number {
  if (a.partition !== b.partition) return a.partition < b.partition ? -1 : 1;
  if (a.row === b.row) return 0;
  return a.row < b.row ? -1 : 1;
}

function conflict(why: string): ConflictError {
  return new ConflictError(`somebody else was faster: ${why}`);
}
