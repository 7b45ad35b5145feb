import { setMaxListeners } from "node:events";
import { isTimeOut, toBusError } from "./to-bus-error.js";

/** Which call it is, and the longest it may take in all. */
export interface BusCall {
  queue: string;
  operation: string;
  timeoutMs: number;
}

/** A call to the bus that ends in time. Throws UnavailableError, AuthError or RefusedError. */
export async function boundedCall<T>(
  { queue, operation, timeoutMs }: BusCall,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await withinTwoAttempts(timeoutMs, call);
  } catch (error) {
    throw toBusError(queue, operation, error);
  }
}

/**
 * The SDK never rejects what was under way when its connection broke: a send hangs until the SDK's time-out, opening a link for
 * ever, while the next call finds a new connection at once (seen with 7.9.5 against the local broker). So a first attempt that
 * hangs is given up early and made again; message ids make that harmless.
 */
async function withinTwoAttempts<T>(timeoutMs: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const firstMs = Math.ceil(timeoutMs * 0.4);
  try {
    return await within(firstMs, call);
  } catch (error) {
    if (!isTimeOut(error)) throw error;
    return within(timeoutMs - firstMs, call);
  }
}

/** The signal asks the SDK to stop; the race does not wait for it to listen. */
async function within<T>(timeoutMs: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs);
  // The SDK listens once for every link and message under way; Node would warn from the eleventh on.
  setMaxListeners(0, signal);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([call(signal), late]);
}
