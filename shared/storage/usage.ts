// Calls counted by purpose and day (design.md §2.4), and whatever else is. Who counts is services.ts, which hears of every request sent.

import { AuthError, ConflictError, UnavailableError } from "../errors.js";
import type { Clock } from "../model/clock.js";
import { changeEntity } from "./change-entity.js";
import type { Entity, EntityTable } from "./entity-table.js";

/** Calls counted by purpose and UTC day. */
export interface UsageStore {
  /** One request for `purpose` goes out now. No I/O. */
  count(purpose: string): void;
  /** Stores what was counted. What cannot be stored now is kept for the next time. */
  flush(): Promise<void>;
  /** Calls by purpose on a day (`2026-03-01`), this process's included up to now. UnavailableError: they cannot be read. */
  usageOf(day: string): Promise<ReadonlyMap<string, number>>;
}

const flushMs = 10_000;
const triesAfterConflict = 8;
const longestRow = 200;
const mostCalls = 2 ** 31 - 1;

/**
 * Usage over an entity table: partition = day, row = purpose; `prefix` goes before the day where other things than Campaign calls are counted. Counts are
 * stored ten seconds after the first one at the latest; a process that is killed loses those of its last seconds. A save whose answer was lost is counted again: the counts tell
 * orders of magnitude and trends, they are no invoice.
 */
export function makeUsage(entities: EntityTable, clock: Clock, prefix = ""): UsageStore {
  /** By day, then purpose. */
  const pending = new Map<string, Map<string, number>>();
  let waiting = false;
  let flushing: Promise<void> | undefined;

  const add = (day: string, purpose: string, calls: number): void => {
    const ofDay = pending.get(day) ?? new Map<string, number>();
    pending.set(day, ofDay.set(purpose, (ofDay.get(purpose) ?? 0) + calls));
  };

  const store = async (day: string, purpose: string, calls: number): Promise<void> => {
    const sum = (current: Entity | undefined): Entity["values"] => ({
      purpose,
      calls: Math.min(mostCalls, (Number(current?.values.calls) || 0) + calls),
    });
    await changeEntity(entities, [prefix + day, toRow(purpose)], sum, triesAfterConflict);
  };

  const flushAll = async (): Promise<void> => {
    const counted = [...pending].flatMap(([day, ofDay]) =>
      [...ofDay].map(([purpose, calls]) => ({ day, purpose, calls })),
    );
    pending.clear();
    let mistake: unknown;
    for (const { day, purpose, calls } of counted) {
      try {
        await store(day, purpose, calls);
      } catch (error) {
        add(day, purpose, calls);
        if (!isPassing(error)) mistake = error;
      }
    }
    if (mistake !== undefined) throw mistake;
  };

  const flush = async (): Promise<void> => {
    // A flush under way may have begun before the caller's last call was counted.
    while (flushing) await flushing.catch(() => {});
    flushing = flushAll().finally(() => {
      flushing = undefined;
    });
    await flushing;
  };

  const flushLater = async (): Promise<void> => {
    await clock.sleep(flushMs);
    waiting = false;
    // Nobody waits for this one; what it could not store is still pending.
    await flush().catch(() => {});
  };

  return {
    count(purpose) {
      add(new Date(clock.now()).toISOString().slice(0, 10), purpose, 1);
      if (waiting) return;
      waiting = true;
      void flushLater();
    },
    flush,
    async usageOf(day) {
      await flush();
      const found = new Map(pending.get(day));
      for await (const { row, values } of entities.list(prefix + day)) {
        const purpose = String(values.purpose ?? row);
        found.set(purpose, (found.get(purpose) ?? 0) + (Number(values.calls) || 0));
      }
      return found;
    },
  };
}

/** A purpose as a row key: what Table Storage does not take there becomes a hyphen. */
function toRow(purpose: string): string {
  return purpose.slice(0, longestRow).replace(/[/\\#?\p{Cc}]/gu, "-");
}

function isPassing(error: unknown): boolean {
  return error instanceof UnavailableError || error instanceof AuthError || error instanceof ConflictError;
}
