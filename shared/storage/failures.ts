// Records that could not be written, one row each, behind the FailureLog port. What becomes of them is an operator's business
// (design.md §6); what counts as a failure is flows/settle.ts's.

import { MalformedError } from "../errors.js";
import type { Failure, FailureLog } from "../flows/ports.js";
import type { Clock } from "../model/clock.js";
import { parseRecordId, type RecordId } from "../model/ids.js";
import { bucketOf } from "../model/lane.js";
import { changeEntity, removeUnchanged } from "./change-entity.js";
import type { Entity, EntityTable } from "./entity-table.js";

/** `open`: still wrong. `resolved`: a later write of the record succeeded. `dismissed`: an operator does not want to see it. */
export type FailureStatus = "open" | "resolved" | "dismissed";

/**
 * A failure as kept: when it was first and last seen (ISO), how often it was reported, and its status. `redrivenAt`: an operator had it tried again
 * then; it is open until that succeeds. `by`: the operator who last did something about it.
 */
export interface FailureRecord extends Failure {
  status: FailureStatus;
  firstAt: string;
  lastAt: string;
  reports: number;
  redrivenAt?: string;
  resolvedAt?: string;
  dismissedAt?: string;
  by?: string;
}

/** Which failures are meant; what is left out does not matter. */
export interface FailureFilter {
  status?: FailureStatus | undefined;
  table?: string | undefined;
  code?: string | undefined;
}

/** A place in the order in which failures are listed. */
export type FailurePlace = Pick<Entity, "partition" | "row">;

/** The failure log, and what an operator reads of it and does to it. All may be done twice. */
export interface FailureStore extends FailureLog {
  /** Failures of one status, or all, in no promised order. */
  list(status?: FailureStatus): AsyncIterable<FailureRecord>;
  read(table: string, id: RecordId): Promise<FailureRecord | undefined>;
  /** Failures behind a place, in an order that never changes, each with its own place. */
  listFrom(filter: FailureFilter, after?: FailurePlace): AsyncIterable<{ place: FailurePlace; failure: FailureRecord }>;
  /** Notes that an open failure is tried again. These three answer the status afterwards, undefined: there is no failure. */
  markRedriven(table: string, id: RecordId, by: string): Promise<FailureStatus | undefined>;
  /** An operator does not want to see an open failure any more. */
  dismiss(table: string, id: RecordId, by: string): Promise<FailureStatus | undefined>;
  /** Opens a dismissed failure again. */
  reopen(table: string, id: RecordId, by: string): Promise<FailureStatus | undefined>;
  /** Removes what was resolved or dismissed before `before` (epoch ms), until `deadline`. Answers how many, and whether that was all. */
  purge(before: number, deadline: number): Promise<{ removed: number; done: boolean }>;
}

const longestMessage = 2_000;

/**
 * Failures over an entity table. Partition `<flow>-<table>-<bucket>`, row = record id, and not flow + day as design.md §7 has it:
 * the same record must be found again, to update or resolve it, by somebody who does not know on which day it first failed.
 */
export function makeFailureStore(entities: EntityTable, clock: Clock): FailureStore {
  const change = (
    [table, id]: readonly [string, RecordId],
    decide: (current: Entity | undefined) => Entity["values"] | undefined,
  ): Promise<Entity["values"] | undefined> => changeEntity(entities, [partitionOf(table, id), id], decide);
  const nowIso = (): string => new Date(clock.now()).toISOString();
  /** Changes the failure if it has the status `from`. */
  const act = async (
    key: readonly [string, RecordId],
    from: FailureStatus,
    news: (values: Entity["values"]) => Entity["values"],
  ): Promise<FailureStatus | undefined> => {
    const values = await change(key, (current) => (current?.values.status === from ? news(current.values) : undefined));
    return statuses.find((known) => known === values?.status);
  };

  return {
    async report(failure) {
      const now = nowIso();
      await change([failure.table, failure.id], (current) => {
        const known = current?.values.status === "open" ? current.values : undefined;
        return {
          ...failure,
          message: failure.message.slice(0, longestMessage),
          status: "open",
          firstAt: String(known?.firstAt ?? now),
          lastAt: now,
          reports: Number(known?.reports ?? 0) + 1,
          ...(known?.redrivenAt !== undefined && { redrivenAt: known.redrivenAt }),
          ...(known?.by !== undefined && { by: known.by }),
        };
      });
    },
    async resolve(table, id) {
      await act([table, id], "open", (values) => ({ ...values, status: "resolved", resolvedAt: nowIso() }));
    },
    async read(table, id) {
      const entity = await entities.get(partitionOf(table, id), id);
      return entity && toRecord(entity);
    },
    async *listFrom({ status, table, code }, after) {
      const equals = { ...(status !== undefined && { status }), ...(code !== undefined && { code }) };
      const prefix = table === undefined ? "ingress-" : partitionPrefix(table);
      for await (const entity of entities.list(undefined, { prefix, equals, ...(after && { after }) })) {
        const { partition, row } = entity;
        const failure = toRecord(entity);
        if (table === undefined || failure.table === table) yield { place: { partition, row }, failure };
      }
    },
    markRedriven: (table, id, by) => act([table, id], "open", (values) => ({ ...values, redrivenAt: nowIso(), by })),
    dismiss: (table, id, by) =>
      act([table, id], "open", (values) => ({ ...values, status: "dismissed", dismissedAt: nowIso(), by })),
    reopen: (table, id, by) =>
      act([table, id], "dismissed", ({ dismissedAt: _dismissedAt, ...values }) => ({ ...values, status: "open", by })),
    async purge(before, deadline) {
      let removed = 0;
      for (const status of ["resolved", "dismissed"] as const) {
        for await (const entity of entities.list(undefined, { equals: { status } })) {
          if (clock.now() >= deadline) return { removed, done: false };
          const endedAt = Date.parse(String(entity.values[`${status}At`] ?? entity.values.lastAt));
          if (endedAt >= before) continue;
          // What came open again meanwhile stays.
          removed += await removeUnchanged(entities, entity);
        }
      }
      return { removed, done: true };
    },
    async *list(status) {
      const equals = { ...(status !== undefined && { status }) };
      for await (const entity of entities.list(undefined, { equals })) yield toRecord(entity);
    },
  };
}

/** All partitions of a table's failures begin like this. */
function partitionPrefix(table: string): string {
  return `ingress-${table}-`;
}

function partitionOf(table: string, id: RecordId): string {
  return `${partitionPrefix(table)}${bucketOf(table, id)}`;
}

const statuses: readonly FailureStatus[] = ["open", "resolved", "dismissed"];

function toRecord({ row, values }: Entity): FailureRecord {
  const text = (name: string): string => String(values[name] ?? "");
  const status = statuses.find((known) => known === values.status);
  if (status === undefined) throw new MalformedError(`the failure row of ${row} has an unknown status`, { id: row });
  return {
    flow: values.flow === "egress" ? "egress" : "ingress",
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
    ...optional(values, ["redrivenAt", "resolvedAt", "dismissedAt", "by"]),
  };
}

function optional<Name extends string>(values: Entity["values"], names: readonly Name[]): { [N in Name]?: string } {
  const known = names.filter((name) => values[name] !== undefined).map((name) => [name, String(values[name])]);
  return Object.fromEntries(known);
}
