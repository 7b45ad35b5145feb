// One life of a host process: whatever it does takes steps, and at any step it may stand still or die. What is dead never goes on:
// its promises stay open for ever.

import { ConflictError, UnavailableError } from "../../shared/errors.js";
import type { ChangeQueue } from "../../shared/flows/ports.js";
import type { Clock } from "../../shared/model/clock.js";
import type { EntityTable } from "../../shared/storage/entity-table.js";
import type { EntityTables } from "../../shared/storage/entity-tables.js";
import type { Chance } from "./chance.js";
import type { Scheduler } from "./scheduler.js";
import type { Temper } from "./temper.js";
import type { Trace } from "./trace.js";

/** A process from start to death. */
export interface Life {
  readonly name: string;
  readonly alive: boolean;
  /** Dies now; `onDeath` callbacks run once. */
  die(why: string): void;
  onDeath(run: () => void): void;
  /** Time passes for this process; it may die meanwhile, and then this never resolves. */
  step(what: string, ms?: number): Promise<void>;
  clock: Clock;
  /** The steps it took last, for a reader. */
  readonly recent: readonly string[];
}

/** What a life needs. */
export interface LifeParts {
  scheduler: Scheduler;
  temper: Temper;
  chance: Chance;
  trace: Trace;
}

const recentSteps = 12;

/** Starts a process. */
export function startLife(name: string, { scheduler, temper, chance, trace }: LifeParts): Life {
  let alive = true;
  const mourners: (() => void)[] = [];
  const die = (why: string): void => {
    if (!alive) return;
    alive = false;
    trace.add(name, `dies ${why}`);
    for (const run of mourners) run();
  };
  const recent: string[] = [];
  const step: Life["step"] = (what, ms = chance.between(0, 4)) => {
    recent.push(what);
    if (recent.length > recentSteps) recent.shift();
    const stalled = temper.strikes("stall") ? chance.skewed(500, 120_000) : 0;
    if (stalled > 0) trace.add(name, `stands still for ${stalled} ms at ${what}`);
    return new Promise((resolve) => {
      scheduler.after(ms + stalled, () => {
        if (!alive) return;
        if (temper.strikes("kill")) die(`at ${what}`);
        else resolve();
      });
    });
  };
  return {
    name,
    get alive() {
      return alive;
    },
    die,
    recent,
    onDeath: (run) => void mourners.push(run),
    step,
    clock: { now: () => scheduler.now(), sleep: (ms) => step("sleep", ms) },
  };
}

/** Tables as this process sees them: every call takes steps and may fail before or after it took effect. */
export function tablesOf(life: Life, { temper, chance, trace }: LifeParts, tables: EntityTables): EntityTables {
  const call = async <T>(what: string, id: string, effect: () => Promise<T>, writes = true): Promise<T> => {
    await life.step(what);
    const fault = temper.strikes("tables") ? chance.pick(["before", "after", "conflict"] as const) : undefined;
    if (fault === "before" || (fault && !writes)) {
      trace.add(life.name, `${what}: fails before it takes effect`, id);
      throw new UnavailableError(`${what}: status 503`, true, { system: "tables", status: 503 });
    }
    const result = await effect();
    await life.step(what);
    if (fault) trace.add(life.name, `${what}: takes effect, and fails (${fault})`, id);
    if (fault === "after") throw new UnavailableError(`${what}: no answer`, true, { system: "tables" });
    // The SDK sent it again because the answer was lost (storage/azure-entity-table.ts).
    if (fault === "conflict") throw new ConflictError(`${what}: somebody else was faster`, { table: what });
    return result;
  };
  return {
    ensure: (names) => tables.ensure(names),
    table(name): EntityTable {
      const table = tables.table(name);
      return {
        get: (partition, row) => call(`get ${name}`, `${partition} ${row}`, () => table.get(partition, row), false),
        insert: (partition, row, values) =>
          call(`insert ${name}`, `${partition} ${row}`, () => table.insert(partition, row, values)),
        replace: (partition, row, values, etag) =>
          call(`replace ${name}`, `${partition} ${row}`, () => table.replace(partition, row, values, etag)),
        remove: (partition, row, etag) =>
          call(`remove ${name}`, `${partition} ${row}`, () => table.remove(partition, row, etag)),
        async *list(partition, part) {
          const found = [];
          for await (const entity of table.list(partition, part)) found.push(entity);
          // Hundreds of empty partitions are looked through in a row: a step in each would tell nothing new.
          if (found.length > 0 || chance.happens(0.02)) {
            await call(`list ${name}`, partition ?? "", async () => {}, false);
          }
          for (const { partition: ofPartition, row } of found) {
            const entity = await table.get(ofPartition, row);
            if (entity) yield entity;
          }
        },
      };
    },
  };
}

/** The bus as this process sees it. */
export function queueOf(life: Life, { temper, chance, trace }: LifeParts, queue: ChangeQueue): ChangeQueue {
  const trouble = (what: string, id?: string): Error => {
    trace.add(life.name, `${what}: fails`, id);
    return new UnavailableError(`queue changes did not take ${what}`, true, { system: "bus" });
  };
  return {
    async send(envelopes) {
      await life.step("send");
      const ids = envelopes.map(({ id }) => id).join(" ");
      const fault = temper.strikes("bus") ? chance.pick(["before", "half", "after"] as const) : undefined;
      if (fault === "before") throw trouble("send, nothing sent", ids);
      if (fault === "half") {
        await queue.send(envelopes.slice(0, Math.floor(envelopes.length / 2)));
        throw trouble("send, half of it sent", ids);
      }
      await queue.send(envelopes);
      for (const { id, table, kind, cause, version } of envelopes)
        trace.add(life.name, `queues ${kind} of ${table}, ${cause}${version ? ` v${version}` : ""}`, id);
      await life.step("send");
      if (fault) throw trouble("send, all sent", ids);
    },
    async sendBundles(bundles) {
      await life.step("send bundles");
      const ids = bundles.flat().map(({ id }) => id);
      const fault = temper.strikes("bus") ? chance.pick(["before", "half", "after"] as const) : undefined;
      if (fault === "before") throw trouble("bundles, nothing sent", ids.join(" "));
      const sent = fault === "half" ? bundles.slice(0, Math.floor(bundles.length / 2)) : bundles;
      await queue.sendBundles(sent);
      for (const { id, table, kind, cause, version } of sent.flat())
        trace.add(life.name, `queues ${kind} of ${table}, ${cause}${version ? ` v${version}` : ""}, bundled`, id);
      if (fault === "half") throw trouble("bundles, half of them sent", ids.join(" "));
      await life.step("send bundles");
      if (fault) throw trouble("bundles, all sent", ids.join(" "));
    },
    async schedule(envelope, at) {
      await life.step("schedule");
      const fault = temper.strikes("bus") ? chance.pick(["before", "after"] as const) : undefined;
      if (fault === "before") throw trouble("schedule, nothing sent", envelope.id);
      await queue.schedule(envelope, at);
      const { kind, cause, table, attempt, nonce } = envelope;
      const inMs = at - life.clock.now();
      trace.add(
        life.name,
        `schedules ${kind} of ${table}, ${cause} attempt ${attempt} in ${inMs} ms (${nonce})`,
        envelope.id,
      );
      await life.step("schedule");
      if (fault) throw trouble("schedule, sent", envelope.id);
    },
    async depths(limit) {
      await life.step("depths");
      if (temper.strikes("bus")) throw trouble("depths");
      return queue.depths(limit);
    },
  };
}

/** A mistake in code, not trouble of a peer: in no history may it happen. */
export function isUnexpected(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}
