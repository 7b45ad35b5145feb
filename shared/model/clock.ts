/** Time as an argument: flows and adapters never look at the wall clock themselves. */
export interface Clock {
  /** Milliseconds since the epoch, UTC. */
  now(): number;
  /** Resolves after `ms`, earlier never. */
  sleep(ms: number): Promise<void>;
}
