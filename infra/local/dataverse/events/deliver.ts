// The asynchronous service: what is to be delivered, when it leaves and leaves again, and the outcome in its system job;
// facts/dataverse.md §1.7, §2. One call or one sending is in call-webhook.ts and send-to-bus.ts.
import type { BusMessage } from "../../sim/types.js";
import type { Value } from "../model/column.js";
import type { Transaction } from "../store/database.js";
import { callWebhook } from "./call-webhook.js";
import type { DeliveryFaults, Road } from "./delivery-faults.js";
import type { DeliveryParts, Outcome } from "./outcome.js";
import { sendToBus } from "./send-to-bus.js";

/** Something still to be delivered. It is in the journal until its outcome is. */
export type Delivery = {
  /** Also the id of its system job. */
  id: string;
  stepId: string;
  endpointId: string;
  message: string;
  table: string;
  autoDelete: boolean;
  /** Set once it waits for another attempt: how many there were, and when the next one is due. */
  attempts?: number;
  dueMs?: number;
} & ({ road: "webhook"; headers: Record<string, string>; body: string } | { road: "bus"; content: BusMessage });

/** The asynchronous service. */
export interface DeliveryService {
  /** Calls a webhook at once, for a synchronous step. */
  call(endpointId: string, headers: Record<string, string>, body: string): Promise<Outcome>;
  /** Adds a delivery within a transaction; it leaves after the commit, as the faults decide. */
  add(tx: Transaction, delivery: Delivery): void;
  /** Takes up what was pending when the process died. */
  resume(): void;
  statistics(road: Road): object;
  reset(): void;
}

/** 32-bit value of a hex code, as the integer columns hold it. */
export const toSignedCode = (code: string): number => Number.parseInt(code, 16) | 0;

const COMPLETED = 3;

const zero = () => ({
  ...{ delivered: 0, failed: 0, dropped: 0, doubled: 0, attempts: 0 },
  statuses: {} as Record<string, number>,
});

/** What a failed outcome leaves in its system job. */
const failureColumns = ({ code, reason }: Outcome): Record<string, Value> =>
  reason === undefined
    ? {}
    : { ...(code === undefined ? {} : { errorcode: toSignedCode(code) }), message: reason, friendlymessage: reason };

/** Makes the service. `exclusively` runs a write when no transaction is open. */
export function makeDeliveryService(
  parts: DeliveryParts & {
    faults: DeliveryFaults;
    exclusively<T>(run: () => T | Promise<T>): Promise<T>;
  },
): DeliveryService {
  const { database, switches, world, faults, exclusively } = parts;
  const waiting: (() => Promise<void>)[] = [];
  let running = 0;
  let generation = 0;
  let counts = { webhook: zero(), bus: zero() };

  const count = (road: Road, outcome: Outcome): Outcome => {
    const { statuses } = counts[road];
    counts[road].attempts += outcome.answers.length;
    for (const answer of outcome.answers) statuses[answer] = (statuses[answer] ?? 0) + 1;
    return outcome;
  };

  const call: DeliveryService["call"] = async (endpointId, headers, body) =>
    count("webhook", await callWebhook(parts, endpointId, headers, body));

  const attempt = async (delivery: Delivery): Promise<Outcome> =>
    delivery.road === "webhook"
      ? call(delivery.endpointId, delivery.headers, delivery.body)
      : count("bus", await sendToBus(parts, delivery.endpointId, delivery.content));

  const changeJob = (tx: Transaction, id: string, columns: Record<string, Value>): void => {
    const jobs = database.table("asyncoperation");
    const job = jobs && database.rows(jobs.name).get(id);
    const modifiedon = Math.floor(world.now() / 1000);
    if (jobs && job) tx.put(jobs, { ...job, ...columns, modifiedon, versionnumber: tx.nextVersion() });
  };

  const finish = (delivery: Delivery, outcome: Outcome): Promise<void> =>
    exclusively(() => {
      const jobs = database.table("asyncoperation");
      const tx = database.begin();
      const succeeded = outcome.reason === undefined;
      tx.drop("delivery", delivery.id);
      if (succeeded && delivery.autoDelete && jobs && database.rows(jobs.name).get(delivery.id))
        tx.remove(jobs, delivery.id);
      else {
        const ended = {
          ...{ statecode: COMPLETED, statuscode: succeeded ? 30 : 31 },
          completedon: Math.floor(world.now() / 1000),
        };
        changeJob(tx, delivery.id, { ...failureColumns(outcome), ...ended });
      }
      tx.commit();
    });

  /** How long a failed delivery waits for its next attempt, in milliseconds; undefined when it is given up. Webhooks have none. */
  const postponement = (delivery: Delivery): number | undefined =>
    delivery.road === "bus" ? switches.busRetryAfterMs[delivery.attempts ?? 0] : undefined;

  const postpone = (delivery: Delivery, outcome: Outcome, ms: number): Promise<void> =>
    exclusively(() => {
      // Meanwhile the organisation may have been reset or replaced.
      if (!database.kept("delivery").has(delivery.id)) return;
      const tx = database.begin();
      const attempts = (delivery.attempts ?? 0) + 1;
      const next: Delivery = { ...delivery, attempts, dueMs: world.now() + ms };
      tx.keep("delivery", delivery.id, next);
      changeJob(tx, delivery.id, { ...failureColumns(outcome), statecode: 1, statuscode: 10, retrycount: attempts });
      tx.onCommit(() => depart(next, ms, false));
      tx.commit();
    });

  const pump = (): void => {
    while (running < switches.webhookParallel) {
      const next = waiting.shift();
      if (!next) return;
      running += 1;
      next().then(
        () => {
          running -= 1;
          pump();
        },
        (error: unknown) => {
          running -= 1;
          console.error("dataverse: delivery", error);
          pump();
        },
      );
    }
  };

  /** Whether somebody cancelled or removed the system job while the delivery was waiting. */
  const isCancelled = ({ id }: Delivery): boolean => {
    const job = database.rows("asyncoperation").get(id);
    return job === undefined || job.statecode === COMPLETED;
  };

  const run = async (delivery: Delivery, isCopy: boolean, isStale: () => boolean): Promise<void> => {
    if (isStale()) return;
    if (!isCopy && isCancelled(delivery)) return forgetIfCancelled(delivery);
    const outcome = await attempt(delivery);
    if (isStale()) return;
    const failed = outcome.reason !== undefined;
    const waitMs = failed && !isCopy ? postponement(delivery) : undefined;
    if (waitMs !== undefined) return postpone(delivery, outcome, waitMs);
    counts[delivery.road][failed ? "failed" : "delivered"] += 1;
    if (!isCopy) await finish(delivery, outcome);
  };

  /** Asks again when no transaction is open: what cancelled it may have been rolled back. */
  const forgetIfCancelled = (delivery: Delivery): Promise<void> =>
    exclusively(() => {
      if (!isCancelled(delivery)) return depart(delivery, 0, false);
      const tx = database.begin();
      tx.drop("delivery", delivery.id);
      tx.commit();
    });

  const depart = (delivery: Delivery, afterMs: number, isCopy: boolean): void => {
    const mine = generation;
    world.later(afterMs, () => {
      waiting.push(() => run(delivery, isCopy, () => mine !== generation));
      pump();
    });
  };

  const send = (delivery: Delivery): void => {
    const departures = faults.decide(delivery.road, delivery.message, delivery.table);
    const [least, most] = switches.webhookDelayMs;
    for (const [index, at] of departures.entries()) {
      depart(delivery, at + least + world.random() * (most - least), index > 0);
    }
    counts[delivery.road].doubled += Math.max(0, departures.length - 1);
    if (departures.length > 0) return;
    counts[delivery.road].dropped += 1;
    // Lost on the road: to the platform it looks like success.
    const mine = generation;
    world.later(0, () => {
      if (mine === generation) void finish(delivery, { answers: [] });
    });
  };

  const pending = (): Delivery[] => [...database.kept("delivery").values()] as Delivery[];

  return {
    call,
    add(tx, delivery) {
      tx.keep("delivery", delivery.id, delivery);
      tx.onCommit(() => send(delivery));
    },
    resume() {
      for (const delivery of pending()) {
        if (delivery.dueMs === undefined) send(delivery);
        else depart(delivery, Math.max(0, delivery.dueMs - world.now()), false);
      }
    },
    statistics(road) {
      const mine = pending().filter((delivery) => delivery.road === road);
      const postponed = mine.filter(({ dueMs }) => dueMs !== undefined).length;
      return { ...counts[road], pending: mine.length, ...(road === "bus" ? { waiting: postponed } : {}) };
    },
    reset() {
      generation += 1;
      waiting.length = 0;
      counts = { webhook: zero(), bus: zero() };
    },
  };
}
