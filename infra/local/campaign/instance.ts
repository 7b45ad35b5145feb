// The state that every part of the simulator works on: switches, catalog, records, keys, clock.

import type { SimWorld } from "../sim/types.js";
import { type Catalog, makeCatalog } from "./model/catalog.js";
import { type InstanceConfiguration, instanceResources } from "./model/instance.js";
import { parseSettings, type Settings } from "./settings.js";
import { makeStore, type Store } from "./store/store.js";
import type { Value, Values } from "./store/table.js";
import { makeOpaqueKeys, type OpaqueKeys } from "./wire/opaque-keys.js";

/** One Campaign instance. `settings`, `catalog` and `keys` are what is in force now. */
export interface Instance {
  readonly settings: Settings;
  readonly catalog: Catalog;
  readonly keys: OpaqueKeys;
  readonly configuration: InstanceConfiguration;
  readonly store: Store;
  readonly world: SimWorld;
  /** Changes some switches. Throws, changing nothing, when one is unknown or may not change now. */
  change(input: unknown): Settings;
  /** Takes up the switches that the store remembers, after a restart. */
  restore(): void;
  /** As at the start, with other PKeys. */
  reset(): void;
}

/** Makes an instance without records. Throws when settings or configuration are refused. */
export function makeInstance(given: Settings, configuration: InstanceConfiguration, world: SimWorld): Instance {
  const store = makeStore(() => settings.writesPerRecord);
  let settings = given;
  let catalog: Catalog;
  let keys: OpaqueKeys;

  function use(next: Settings): void {
    catalog = makeCatalog(instanceResources(configuration, next));
    settings = next;
    keys = makeOpaqueKeys(`${settings.organization} ${store.generation}`);
  }

  use(given);
  return {
    get settings() {
      return settings;
    },
    get catalog() {
      return catalog;
    },
    get keys() {
      return keys;
    },
    configuration,
    store,
    world,
    change(input) {
      if (typeof input !== "object" || input === null) throw new Error("settings are an object of switches");
      const next = parseSettings({ ...settings, ...input });
      if (next.optOutNames !== settings.optOutNames && store.table("profile").size > 0) {
        throw new Error("optOutNames changes only while there are no profiles");
      }
      use(next);
      store.saveDocument("settings", settings);
      return settings;
    },
    restore() {
      use(parseSettings(store.document("settings") ?? settings));
    },
    reset() {
      store.reset();
      use(given);
    },
  };
}

/** A record where it stands. */
export interface Row {
  id: number;
  values: Values;
}

/** Key under which the history keeps a record's writes: its first identification key, or its number. */
export function historyKey(resource: { definition: { keys: { fields: string[] }[] } }, { id, values }: Row): string {
  const fields = resource.definition.keys[0]?.fields ?? [];
  const parts: (Value | undefined)[] = fields.map((path) => values[path]);
  return parts.length === 0 || parts.includes(undefined) ? `#${id}` : parts.join(" ");
}
