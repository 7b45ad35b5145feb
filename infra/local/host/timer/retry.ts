import { setTimeout as sleep } from "node:timers/promises";
import type { FunctionDefinition } from "../config/function-definition.js";
import type { Runner, RunOutcome, TriggerInput } from "../runner.js";
import type { RetryOptions } from "../worker/core-types.js";

/** Longest wait when the app sets none, as in the Functions host: ten minutes. */
const DEFAULT_MAXIMUM_MS = 600_000;

/** Runs a function and, by its retry policy, again while it fails. Ends early once `stopping` aborts. */
export async function runWithRetry(
  runner: Runner,
  definition: FunctionDefinition,
  input: TriggerInput,
  stopping: AbortSignal,
): Promise<RunOutcome> {
  const policy = definition.retry;
  if (!policy) return runner.run(definition, input);
  const maximum = policy.maxRetryCount ?? 0;
  let lastError: unknown;
  for (let count = 0; ; count += 1) {
    const outcome = await runner.run(definition, { ...input, retry: { count, maximum, lastError } });
    // -1 means for ever.
    if (outcome.ok || stopping.aborted || (maximum !== -1 && count >= maximum)) return outcome;
    lastError = outcome.error;
    await sleep(retryDelayMs(policy, count), undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** Milliseconds before retry number `count` (from 0). */
export function retryDelayMs(policy: RetryOptions, count: number): number {
  if (policy.retryStrategy !== "exponentialBackoff") return (policy.delayInterval?.seconds ?? 0) * 1000;
  const minimum = (policy.minimumInterval?.seconds ?? 0) * 1000;
  const maximum = policy.maximumInterval ? policy.maximumInterval.seconds * 1000 : DEFAULT_MAXIMUM_MS;
  return Math.min(Math.max(minimum, 1) * 2 ** count, maximum);
}
