import { ThrottledError } from "../errors.js";
import type { Clock } from "../model/clock.js";
import type { HttpCall } from "./client.js";

/** Who may send when, towards one system or host. */
export interface Throttle {
  /**
   * Resolves when a request may go out; it must then go out at once. Throws ThrottledError, with nothing sent, when that would
   * not be before the call's deadline.
   */
  admit(call: HttpCall): Promise<void>;
  /** The peer answered 429 to a request that began at `began`: nobody may send before `until` (both epoch ms). */
  refused(until: number, began: number): Promise<void>;
}

/** A throttle that knows of this process only: it holds everybody after a 429, and sets no rate. */
export function makeLocalThrottle(clock: Clock): Throttle {
  let closedUntil = 0;
  return {
    async admit(call) {
      while (closedUntil > clock.now()) await waitUntil(closedUntil, call, clock);
    },
    async refused(until) {
      // A later, shorter wish does not open earlier what another answer closed.
      closedUntil = Math.max(closedUntil, until);
    },
  };
}

/** Sleeps until `until`; throws ThrottledError at once when that is not before the call's deadline. */
export async function waitUntil(until: number, { system, operation, deadline }: HttpCall, clock: Clock): Promise<void> {
  const waitMs = until - clock.now();
  if (until >= deadline) {
    const message = `${system} is asking everybody to wait; ${operation} was not sent`;
    throw new ThrottledError(message, waitMs, { system, operation });
  }
  await clock.sleep(waitMs);
}
