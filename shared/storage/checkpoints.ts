// Where each stream of a flow has got to (design.md §7). A checkpoint that cannot be read is an error, never a first run.

import type { Entity, EntityTable, EntityValue } from "./entity-table.js";

/** A checkpoint: flat, opaque to everybody but its flow, and the ETag it was read under. */
export interface Checkpoint {
  values: Readonly<Record<string, EntityValue>>;
  etag: string;
}

/** Reads and moves checkpoints by compare-and-set. `flow` and `stream` name one, e.g. `ingress` / `contact-delta`. */
export interface CheckpointStore {
  read(flow: string, stream: string): Promise<Checkpoint | undefined>;
  /** Moves a checkpoint from `etag` (none: it must not exist). ConflictError: another run moved it; stop, it owns the stream. */
  save(flow: string, stream: string, values: Checkpoint["values"], etag: string | undefined): Promise<string>;
  list(flow: string): Promise<readonly { stream: string; values: Checkpoint["values"] }[]>;
}

/** Longest text in one property of Table Storage (32,768 UTF-16 units); a longer cursor is cut into parts. */
const longestProperty = 32_000;

/** Checkpoints over an entity table. */
export function makeCheckpointStore(entities: EntityTable): CheckpointStore {
  return {
    async read(flow, stream) {
      const entity = await entities.get(flow, stream);
      return entity && { values: join(entity), etag: entity.etag };
    },
    save(flow, stream, values, etag) {
      const parts = split(values);
      return etag === undefined ? entities.insert(flow, stream, parts) : entities.replace(flow, stream, parts, etag);
    },
    async list(flow) {
      const found: { stream: string; values: Checkpoint["values"] }[] = [];
      for await (const entity of entities.list(flow)) found.push({ stream: entity.row, values: join(entity) });
      return found;
    },
  };
}

function split(values: Checkpoint["values"]): Record<string, EntityValue> {
  const parts: Record<string, EntityValue> = {};
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== "string" || value.length <= longestProperty) {
      parts[name] = value;
      continue;
    }
    for (let part = 0; part * longestProperty < value.length; part += 1) {
      parts[`${name}__${part}`] = value.slice(part * longestProperty, (part + 1) * longestProperty);
    }
  }
  return parts;
}

function join({ values }: Entity): Record<string, EntityValue> {
  const whole: Record<string, EntityValue> = {};
  const cut = new Map<string, string[]>();
  for (const [name, value] of Object.entries(values)) {
    const match = /^(.+)__(\d+)$/.exec(name);
    if (!match) whole[name] = value;
    else {
      const parts = cut.get(String(match[1])) ?? [];
      parts[Number(match[2])] = String(value);
      cut.set(String(match[1]), parts);
    }
  }
  for (const [name, parts] of cut) whole[name] = parts.join("");
  return whole;
}
