// A world for publishing settings: the examples' tables in a Dataverse simulator, memory tables, one clock. Any call of a table can be the last.

import { makeMetadataSource } from "../../shared/dataverse/metadata.js";
import type { SettingsPorts, SettingsSource } from "../../shared/flows/ports.js";
import { shippedDocuments } from "../../shared/mapping/shipped.js";
import { makeCheckpointStore } from "../../shared/storage/checkpoints.js";
import type { EntityTable } from "../../shared/storage/entity-table.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { makeSettingsSource } from "../../shared/storage/settings-source.js";
import { makeSettingsVersions, shippedVersion } from "../../shared/storage/settings-versions.js";
import { type AcmeDynamics, makeAcmeDynamics } from "./acme-tables.js";
import { type FixedClock, fixedClock } from "./fixed-clock.js";

/** The process died at this call. */
export class Killed extends Error {}

/** The world; `process` makes one more process over the same tables. */
export interface PublishWorld {
  clock: FixedClock;
  dynamics: AcmeDynamics;
  process(): PublishProcess;
  /** Mode of the full read that is ordered or under way for a table. */
  ordered(table: string): Promise<unknown>;
}

/** One process: what it publishes with, and the settings it works by. */
export interface PublishProcess {
  ports: SettingsPorts;
  settings: SettingsSource;
  /** Dies at the `call`-th call of a table from now, before or after it took effect. */
  killAt(call: number, when: "before" | "after"): void;
  /** Calls of tables since the start, or `killAt`. */
  calls(): number;
}

/** How a world is made: with `tracking` as `makeAcmeDynamics`, or on the Dynamics and the clock of another one. */
export interface PublishWorldOptions {
  tracking?: readonly string[];
  clock?: FixedClock;
  dynamics?: AcmeDynamics;
}

/** Makes a world in which nothing was published. */
export async function makePublishWorld(options: PublishWorldOptions = {}): Promise<PublishWorld> {
  const { clock = fixedClock("2026-03-01T00:00:00Z") } = options;
  const dynamics = options.dynamics ?? (await makeAcmeDynamics(clock, options.tracking));
  const tables = makeMemoryEntityTables();
  await tables.ensure(["settings", "checkpoints"]);
  const checkpoints = makeCheckpointStore(tables.table("checkpoints"));
  return {
    clock,
    dynamics,
    process: () => makeProcess(clock, dynamics, (name) => tables.table(name)),
    ordered: async (table) => (await checkpoints.read("ingress", `${table}-load`))?.values.mode,
  };
}

function makeProcess(clock: FixedClock, dynamics: AcmeDynamics, open: (name: string) => EntityTable): PublishProcess {
  let made = 0;
  let plan: { call: number; when: "before" | "after" } | undefined;
  let dead = false;
  const die = (): never => {
    dead = true;
    throw new Killed();
  };
  const step = async <T>(run: () => Promise<T>): Promise<T> => {
    if (dead) throw new Killed();
    made += 1;
    const last = plan?.call === made ? plan.when : undefined;
    if (last === "before") die();
    const result = await run();
    if (last === "after") die();
    return result;
  };
  const mortal = (table: EntityTable): EntityTable => ({
    get: (...given) => step(() => table.get(...given)),
    insert: (...given) => step(() => table.insert(...given)),
    replace: (...given) => step(() => table.replace(...given)),
    remove: (...given) => step(() => table.remove(...given)),
    list: (...given) => table.list(...given),
  });
  const versions = makeSettingsVersions(mortal(open("settings")), shippedVersion(1, shippedDocuments));
  return {
    ports: {
      versions,
      metadata: makeMetadataSource(dynamics.client),
      checkpoints: makeCheckpointStore(mortal(open("checkpoints"))),
      clock,
    },
    settings: makeSettingsSource(versions, clock),
    killAt(call, when) {
      made = 0;
      plan = { call, when };
    },
    calls: () => made,
  };
}
