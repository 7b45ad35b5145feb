// The asynchronous service: pending calls of steps, one retry for some statuses, the outcome written to the system job; facts/dataverse.md §1.7.
import type { SimWorld } from "../../sim/types.js";
import type { Switches } from "../options.js";
import type { Database, Transaction } from "../store/database.js";
import { toEndpointCall } from "./endpoint.js";
import type { WebhookFaults } from "./webhook-faults.js";

/** A call that is still to be made. It is in the journal until its outcome is. */
export interface Delivery {
  /** Also the id of its system job. */
  id: string;
  stepId: string;
  endpointId: string;
  message: string;
  table: string;
  headers: Record<string, string>;
  body: string;
  autoDelete: boolean;
}

/** How a call ended; without a code it succeeded. */
export interface CallOutcome {
  status: number;
  code?: string;
  reason?: string;
}

/** The asynchronous service. */
export interface DeliveryService {
  /** Makes the call: posts, and posts once more after 502, 503 or 504. */
  call(endpointId: string, headers: Record<string, string>, body: string): Promise<CallOutcome>;
  /** Adds a call within a transaction; it leaves after the commit, as the faults decide. */
  add(tx: Transaction, delivery: Delivery): void;
  /** Takes up what was pending when the process died. */
  resume(): void;
  statistics(): object;
  reset(): void;
}

const RETRIED = new Set([502, 503, 504]);

/** 32-bit value of a hex code, as the integer columns hold it. */
export const toSignedCode = (code: string): number => Number.parseInt(code, 16) | 0;

/** Makes the service. `exclusively` runs a write when no transaction is open. */
export function makeDeliveryService(parts: {
  database: Database;
  switches: Switches;
  world: SimWorld;
  faults: WebhookFaults;
  exclusively<T>(run: () => T | Promise<T>): Promise<T>;
}): DeliveryService {
  const { database, switches, world, faults, exclusively } = parts;
  const waiting: (() => Promise<void>)[] = [];
  let running = 0;
  let generation = 0;
  const zero = () => ({
    delivered: 0,
    failed: 0,
    dropped: 0,
    doubled: 0,
    attempts: 0,
    statuses: {} as Record<string, number>,
  });
  let counts = zero();

  const post = async (url: string, headers: Record<string, string>, body: string): Promise<CallOutcome> => {
    const startedAt = world.now();
    counts.attempts += 1;
    const status = await world.post(url, headers, body, switches.webhookTimeoutMs);
    counts.statuses[status] = (counts.statuses[status] ?? 0) + 1;
    if (status >= 200 && status < 300) return { status };
    if (status !== 0)
      return {
        status,
        code: "0x80050201",
        reason: `The webhook call failed because the http requests returned status ${status}.`,
      };
    return world.now() - startedAt >= switches.webhookTimeoutMs
      ? {
          status,
          code: "0x80050202",
          reason: "The webhook call failed because the http request timed out at client side.",
        }
      : { status, code: "0x80050205", reason: "The webhook post request failed." };
  };

  const call: DeliveryService["call"] = async (endpointId, headers, body) => {
    const endpoint = database.rows("serviceendpoint").get(endpointId);
    if (!endpoint) return { status: 0, code: "0x80050205", reason: "The service endpoint does not exist any more." };
    const target = toEndpointCall(endpoint);
    if ("code" in target) return { status: 0, ...target };
    const all = { ...headers, ...target.headers };
    const first = await post(target.url, all, body);
    if (!RETRIED.has(first.status)) return first;
    await new Promise<void>((resolve) => world.later(switches.webhookRetryAfterMs, resolve));
    return post(target.url, all, body);
  };

  const finish = (delivery: Delivery, outcome: CallOutcome): Promise<void> =>
    exclusively(() => {
      const jobs = database.table("asyncoperation");
      const tx = database.begin();
      tx.drop("delivery", delivery.id);
      const job = jobs && database.rows(jobs.name).get(delivery.id);
      if (jobs && job && outcome.code === undefined && delivery.autoDelete) tx.remove(jobs, delivery.id);
      else if (jobs && job) {
        const nowSeconds = Math.floor(world.now() / 1000);
        const failure =
          outcome.code === undefined
            ? {}
            : { errorcode: toSignedCode(outcome.code), message: outcome.reason, friendlymessage: outcome.reason };
        const ended = { statecode: 3, statuscode: outcome.code === undefined ? 30 : 31, completedon: nowSeconds };
        tx.put(jobs, { ...job, ...failure, ...ended, modifiedon: nowSeconds, versionnumber: tx.nextVersion() });
      }
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
          console.error("dataverse: webhook delivery", error);
          pump();
        },
      );
    }
  };

  const depart = (delivery: Delivery, afterMs: number, isCopy: boolean): void => {
    const mine = generation;
    world.later(afterMs, () => {
      waiting.push(async () => {
        if (mine !== generation) return;
        const outcome = await call(delivery.endpointId, delivery.headers, delivery.body);
        if (mine !== generation) return;
        if (outcome.code === undefined) counts.delivered += 1;
        else counts.failed += 1;
        if (!isCopy) await finish(delivery, outcome);
      });
      pump();
    });
  };

  const send = (delivery: Delivery): void => {
    const departures = faults.decide(delivery.message, delivery.table);
    const [least, most] = switches.webhookDelayMs;
    for (const [index, at] of departures.entries()) {
      depart(delivery, at + least + world.random() * (most - least), index > 0);
    }
    counts.doubled += Math.max(0, departures.length - 1);
    if (departures.length > 0) return;
    counts.dropped += 1;
    // Lost on the road: to the platform it looks like success.
    const mine = generation;
    world.later(0, () => {
      if (mine === generation) void finish(delivery, { status: 200 });
    });
  };

  return {
    call,
    add(tx, delivery) {
      tx.keep("delivery", delivery.id, delivery);
      tx.onCommit(() => send(delivery));
    },
    resume() {
      for (const delivery of database.kept("delivery").values()) send(delivery as Delivery);
    },
    statistics: () => ({ ...counts, pending: database.kept("delivery").size }),
    reset() {
      generation += 1;
      waiting.length = 0;
      counts = zero();
    },
  };
}
