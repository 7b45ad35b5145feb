/** Time as the broker's core sees it: milliseconds since 1970, and a call back later that can be cancelled. */
export interface Clock {
  now(): number;
  /** Runs `run` after `ms` (never synchronously); the answer cancels it. */
  later(ms: number, run: () => void): () => void;
}

/** Longest wait a Node timer can hold; longer ones fire early, and whoever waits looks at the clock again. */
const longestTimerMs = 2 ** 31 - 1;

/** Real time. Its timers never keep the process alive. */
export const realClock: Clock = {
  now: () => Date.now(),
  later(ms, run) {
    const timer = setTimeout(run, Math.min(Math.max(ms, 0), longestTimerMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
