// What is known of each record's copy in Campaign (design.md §7). One row a record; written under its ETag.

import { parseRecordId, type RecordId, type RowVersion } from "../model/ids.js";
import { bucketOf } from "../model/lane.js";
import type { RememberedOptOuts } from "../optout/attributes.js";
import type { EntityTable, EntityValue } from "./entity-table.js";

/**
 * A Campaign call that was announced before it was sent. Until `until` (epoch ms) it may still take effect, whoever sent it and
 * whether or not its sender lives.
 */
export interface Intent {
  kind: "write" | "delete";
  until: number;
}

/** What brought a record to its lane. */
export interface Heard {
  cause: string;
  at: string;
  correlationId: string;
}

/** The sync state of one record; no personal data: version, hashes, times, opt-outs. */
export interface SyncState {
  /** Newest version of the row that has been dealt with. */
  version?: RowVersion;
  /** Version of the settings that wrote this state. */
  settings: number;
  /** Epoch of the binding; a higher one makes every version of a lower one old (a restored environment counts anew). */
  epoch: number;
  /** Fingerprints of what Campaign holds, as far as we know. */
  always?: string;
  insertOnly?: string;
  /** Is there a record in Campaign that we wrote? */
  present: boolean;
  /** The row was deleted, or merged away, at this time (ISO). */
  tombstone?: string;
  intent?: Intent;
  /** Until then (epoch ms) an attempt of the last call that got no answer may yet take effect: nothing else may be written before. */
  echoUntil?: number;
  /** When Campaign was last written for this record (epoch ms). */
  writtenAt?: number;
  /** An open row in `failures` waits for this record's next success. */
  failing?: boolean;
  /** The filters of its mapping, or a filtered-out parent, keep the record out of Campaign; it may still be there for a moment. */
  out?: boolean;
  /** The record has come to Campaign, and its children have not all been told yet. */
  releasing?: boolean;
  /** Records whose child this one is registered as, `<table>/<id>` each (storage/child-links.ts). */
  parents?: readonly string[];
  /** The news by which the newest version came: what brought it, when it happened (ISO), and the id that the logs have. */
  heard?: Heard;
  /** Number of the last verification that saw the record in Campaign. */
  verified?: number;
  /** What is remembered of its opt-outs; kept when the record goes. */
  optOuts?: RememberedOptOuts;
}

/** A state and the ETag it was read under; without ETag there is no row yet. */
export interface StoredState {
  state: SyncState;
  etag?: string;
}

/** Reads and saves sync states. `save` throws ConflictError when somebody else saved since. */
export interface SyncStateStore {
  read(table: string, id: RecordId): Promise<StoredState | undefined>;
  /** Saves under `etag`, or as a new row without one; answers the new ETag. */
  save(table: string, id: RecordId, state: SyncState, etag: string | undefined): Promise<string>;
  /** All states of one bucket of a table (model/lane.ts), in the order of the ids. */
  list(table: string, bucket: number): AsyncIterable<{ id: RecordId; state: SyncState }>;
}

/** Sync states over an entity table. */
export function makeSyncStateStore(entities: EntityTable): SyncStateStore {
  const partitionOf = (table: string, id: RecordId): string => `${table}-${bucketOf(table, id)}`;
  return {
    async *list(table, bucket) {
      for await (const { row, values } of entities.list(`${table}-${bucket}`)) {
        yield { id: parseRecordId(row), state: toState(values) };
      }
    },
    async read(table, id) {
      const entity = await entities.get(partitionOf(table, id), id);
      return entity && { state: toState(entity.values), etag: entity.etag };
    },
    save(table, id, state, etag) {
      const values = toValues(state);
      const partition = partitionOf(table, id);
      return etag === undefined
        ? entities.insert(partition, id, values)
        : entities.replace(partition, id, values, etag);
    },
  };
}

function toValues(state: SyncState): Record<string, EntityValue> {
  const values: Record<string, EntityValue | undefined> = {
    version: state.version,
    settings: state.settings,
    epoch: state.epoch,
    always: state.always,
    insertOnly: state.insertOnly,
    present: state.present,
    tombstone: state.tombstone,
    writtenAt: state.writtenAt === undefined ? undefined : new Date(state.writtenAt).toISOString(),
    echoUntil: state.echoUntil === undefined ? undefined : new Date(state.echoUntil).toISOString(),
    failing: state.failing,
    out: state.out,
    releasing: state.releasing,
    parents: state.parents && state.parents.length > 0 ? state.parents.join(" ") : undefined,
    verified: state.verified,
    optOuts: state.optOuts && JSON.stringify(state.optOuts),
    heardCause: state.heard?.cause,
    heardAt: state.heard?.at,
    heardId: state.heard?.correlationId,
    intentKind: state.intent?.kind,
    intentUntil: state.intent && new Date(state.intent.until).toISOString(),
  };
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, EntityValue] => entry[1] !== undefined),
  );
}

function toState(values: Readonly<Record<string, EntityValue>>): SyncState {
  const text = (name: string): string | undefined => (typeof values[name] === "string" ? values[name] : undefined);
  const version = text("version") as RowVersion | undefined;
  const writtenAt = text("writtenAt");
  const echoUntil = text("echoUntil");
  const parents = text("parents");
  const heardCause = text("heardCause");
  const optOuts = text("optOuts");
  const [always, insertOnly, tombstone, until] = [
    text("always"),
    text("insertOnly"),
    text("tombstone"),
    text("intentUntil"),
  ];
  return {
    settings: Number(values.settings ?? 0),
    epoch: Number(values.epoch ?? 0),
    present: values.present === true,
    ...(writtenAt !== undefined && { writtenAt: Date.parse(writtenAt) }),
    ...(echoUntil !== undefined && { echoUntil: Date.parse(echoUntil) }),
    ...(values.failing === true && { failing: true }),
    ...(values.out === true && { out: true }),
    ...(values.releasing === true && { releasing: true }),
    ...(parents !== undefined && { parents: parents.split(" ") }),
    ...(heardCause !== undefined && {
      heard: { cause: heardCause, at: text("heardAt") ?? "", correlationId: text("heardId") ?? "" },
    }),
    ...(typeof values.verified === "number" && { verified: values.verified }),
    ...(optOuts !== undefined && { optOuts: JSON.parse(optOuts) as RememberedOptOuts }),
    ...(version !== undefined && { version }),
    ...(always !== undefined && { always }),
    ...(insertOnly !== undefined && { insertOnly }),
    ...(tombstone !== undefined && { tombstone }),
    ...(until !== undefined && {
      intent: {
        kind: values.intentKind === "delete" ? ("delete" as const) : ("write" as const),
        until: Date.parse(until),
      },
    }),
  };
}
