import { type KeyStore, type NamedKey, placeOf } from "./key-store.js";

/** Keys that end with the process. */
export function makeMemoryKeys(): KeyStore {
  const places = new Map<string, Map<string, NamedKey>>();
  return {
    list: async (scope) => [...(places.get(placeOf(scope))?.values() ?? [])],
    async put(scope, key) {
      const place = places.get(placeOf(scope)) ?? new Map<string, NamedKey>();
      const isNew = !place.has(key.name.toLowerCase());
      places.set(placeOf(scope), place.set(key.name.toLowerCase(), key));
      return isNew;
    },
    remove: async (scope, name) => places.get(placeOf(scope))?.delete(name.toLowerCase()) ?? false,
  };
}
