// Refuses what the real table service refuses and Azurite takes. Not a proxy: it sits where Azurite writes an entity, so that it
// sees what a merge would leave behind, comes after authentication as the service's own check does, and costs no second hop.
import { type EntityCollection, type MetadataStore, makeStorageError } from "./azurite.js";
import { refusalOf, type StoredEntity } from "./entity-limits.js";

/** Makes `store` refuse entities above the service's limits (facts/azure-local.md §3), alone and in transactions. */
export function guardEntities(store: MetadataStore): void {
  const insert = store.insertTableEntity.bind(store);
  const replace = store.updateTableEntity.bind(store);
  const merge = store.mergeTableEntity.bind(store);
  store.insertTableEntity = async (context, table, account, entity, ...rest) => {
    check(context, entity);
    return insert(context, table, account, entity, ...rest);
  };
  store.updateTableEntity = async (context, table, account, entity, ...rest) => {
    check(context, entity);
    return replace(context, table, account, entity, ...rest);
  };
  store.mergeTableEntity = async (context, table, account, entity, ...rest) => {
    check(context, entity);
    return merge(context, table, account, entity, ...rest);
  };
  guardMerged(store);
}

/**
 * Checks the entity that a merge made, after its own 404 and 412. Azurite fetches the collection and updates it in one synchronous
 * stretch, and updates for nothing but merges, so the context of the last fetch is the merge's. Reading the entity a second time
 * to merge it here instead costs a sixth of the throughput.
 */
function guardMerged(store: MetadataStore): void {
  const guarded = new WeakSet<EntityCollection>();
  const fetchCollection = store.getEntityCollection.bind(store);
  let context: unknown;
  store.getEntityCollection = (account, table, current) => {
    const collection = fetchCollection(account, table, current);
    context = current;
    if (!guarded.has(collection)) {
      guarded.add(collection);
      const update = collection.update.bind(collection);
      collection.update = (merged) => {
        check(context, merged);
        return update(merged);
      };
    }
    return collection;
  };
}

function check(context: unknown, entity: StoredEntity): void {
  const refusal = refusalOf(entity);
  if (refusal) throw makeStorageError(context as { contextID?: string }, 400, refusal.code, refusal.message);
}
