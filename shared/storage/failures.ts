// Records that could not be written, one row each, behind the FailureLog port. What becomes of them is an operator's business
// (design.md §6); what counts as a failure is flows/settle.ts's.

import { ConflictError, MalformedError } from "../errors.js";
import type { Failure, FailureLog } from "../flows/ports.js";
import type { Clock } from "../model/clock.js";
import { parseRecordId, type RecordId } from "../model/ids.js";
import { bucketOf } from "../model/lane.js";
import type { Entity, EntityTable } from "./entity-table.js";

/** `open`: still wrong. `resolved`: a later write of the record succeeded. `dismissed`: an operator does not want to see it. */
export type FailureStatus = "open" | "resolved" | "dismissed";

/** A failure as kept: when it was first and last seen (ISO), how often it was reported, and its status. */
export interface FailureRecord extends Failure {
  status: FailureStatus;
  firstAt: string;
  lastAt: string;
  reports: number;
}

/** The failure log, and what an operator reads of it. */
export interface FailureStore extends FailureLog {
  /** Failures of one status, or all, in no promised order. */
  list(status?: FailureStatus): AsyncIterable<FailureRecord>;
}

const longestMessage = 2_000;
const triesAfterConflict = 3;

/**
 * Failures over an entity table. Partition `<flow>-<table>-<bucket>`, row = record id, and not flow + day as design.md §7 has it:
 * the same record must be found again, to update or resolve it, by somebody who does not know on which day it first failed.
 */
export function makeFailureStore(entities: EntityTable, clock: Clock): FailureStore {
  const change = async (
    [table, id]: [string, RecordId],
    decide: (current: Entity | undefined) => Entity["values"] | undefined,
  ): Promise<void> => {
    const partition = `ingress-${table}-${bucketOf(table, id)}`;
    for (let tried = 1; ; tried += 1) {
      const current = await entities.get(partition, id);
      const values = decide(current);
      if (values === undefined) return;
      try {
        if (current) await entities.replace(partition, id, values, current.etag);
        else await entities.insert(partition, id, values);
        return;
      } catch (error) {
        if (!(error instanceof ConflictError) || tried === triesAfterConflict) throw error;
      }
    }
  };

  return {
    async report(failure) {
      const now = new Date(clock.now()).toISOString();
      await change([failure.table, failure.id], (current) => {
        const known = current?.values.status === "open" ? current.values : undefined;
        return {
          ...failure,
          message: failure.message.slice(0, longestMessage),
          status: "open",
          firstAt: String(known?.firstAt ?? now),
          lastAt: now,
          reports: Number(known?.reports ?? 0) + 1,
        };
      });
    },
    async resolve(table, id) {
      const now = new Date(clock.now()).toISOString();
      await change([table, id], (current) =>
        current?.values.status === "open" ? { ...current.values, status: "resolved", resolvedAt: now } : undefined,
      );
    },
    async *list(status) {
      for await (const entity of entities.list()) {
        const record = toRecord(entity);
        if (status === undefined || record.status === status) yield record;
      }
    },
  };
}

const statuses: readonly FailureStatus[] = ["open", "resolved", "dismissed"];

function toRecord({ row, values }: Entity): FailureRecord {
  const text = (name: string): string => String(values[name] ?? "");
  const status = statuses.find((known) => known === values.status);
  if (status === undefined) throw new MalformedError(`the failure row of ${row} has an unknown status`, { id: row });
  return {
    flow: "ingress",
    table: text("table"),
    id: parseRecordId(row),
    reason: text("reason"),
    code: text("code"),
    message: text("message"),
    attempts: Number(values.attempts ?? 0),
    cause: text("cause") as Failure["cause"],
    correlationId: text("correlationId"),
    status,
    firstAt: text("firstAt"),
    lastAt: text("lastAt"),
    reports: Number(values.reports ?? 0),
  };
}
