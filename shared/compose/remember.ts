import { BindingError } from "../errors.js";
import type { Clock } from "../model/clock.js";

/**
 * Keeps a verified binding for `maxAgeMs`, and beyond it while its sources cannot be asked: notices are taken in though Dynamics
 * is away. A binding that is wrong is never kept. Callers at the same moment share one call.
 */
export function remember<T>(call: () => Promise<T>, maxAgeMs: number, clock: Clock): () => Promise<T> {
  let kept: { value: T; until: number } | undefined;
  let running: Promise<T> | undefined;
  const ask = async (): Promise<T> => {
    try {
      const value = await call();
      kept = { value, until: clock.now() + maxAgeMs };
      return value;
    } catch (error) {
      if (!kept || error instanceof BindingError) throw error;
      return kept.value;
    } finally {
      running = undefined;
    }
  };
  return async () => {
    if (kept && clock.now() < kept.until) return kept.value;
    running ??= ask();
    return running;
  };
}
