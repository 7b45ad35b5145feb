import type { Calls } from "../calls/calls.js";
import type { Clock } from "../core/clock.js";
import type { Queue } from "../core/queue.js";
import type { Store } from "../core/store.js";

/** Where an address leads: a queue and one of its two stores. */
export interface Entity {
  readonly queue: Queue;
  readonly store: Store;
}

/** What links need of the broker around them. */
export interface BusCore {
  /** For waiting; it never goes wrong. */
  readonly clock: Clock;
  readonly calls: Calls;
  /** How far the clock that clients get to see is ahead of the real one, in milliseconds. */
  skewMs(): number;
  find(address: string): Entity | undefined;
  /** Takes a line about something that should not happen. */
  log(line: string): void;
}

/** One connected client. `cut` ends its connection at once, as a pulled cable would; `fail` does so and says why. */
export interface Peer {
  /** Address and port it comes from. */
  readonly client: string;
  isConnected(): boolean;
  cut(): void;
  fail(error: unknown): void;
}

const deadLetterSuffix = "/$deadletterqueue";

/** Reads an address, with or without scheme and host, in any case: `q`, `q/$DeadLetterQueue`. */
export function parseAddress(address: string): { name: string; dead: boolean } {
  const path = address
    .replace(/^\w+:\/\/[^/]*/, "")
    .replace(/^\/+|\/+$/g, "")
    .toLowerCase();
  const dead = path.endsWith(deadLetterSuffix);
  return { name: dead ? path.slice(0, -deadLetterSuffix.length) : path, dead };
}

/** The name faults, latency and the log know a store by: `q`, `q/$DeadLetterQueue`. */
export function nameOf({ shelf }: Store): string {
  return shelf.dead ? `${shelf.queue}/$DeadLetterQueue` : shelf.queue;
}

/** The same for an address, which may lead nowhere. */
export function nameAt(bus: BusCore, address: string): string {
  const entity = bus.find(address);
  return entity === undefined ? parseAddress(address).name : nameOf(entity.store);
}
