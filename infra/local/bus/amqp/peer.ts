import type { Clock } from "../core/clock.js";
import type { Queue } from "../core/queue.js";
import type { Store } from "../core/store.js";
import type { Faults } from "../faults.js";

/** Where an address leads: a queue and one of its two stores. */
export interface Entity {
  readonly queue: Queue;
  readonly store: Store;
}

/** What links need of the broker around them. */
export interface BusCore {
  readonly clock: Clock;
  readonly faults: Faults;
  find(address: string): Entity | undefined;
  /** Takes a line about something that should not happen. */
  log(line: string): void;
}

/** One connected client. `cut` ends its connection at once, as a pulled cable would. */
export interface Peer {
  cut(): void;
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
