// How a load keeps every lane busy without making live changes wait (design.md §3, Sweep): no lane gets more than about 0.4 seconds' work
// ahead, whatever the speed of Campaign. Pure but for its own memory of the last look.

/** How a load paces itself. `pageSize`: rows a page. `maxDepth`: most messages waiting in all lanes together, whatever their speed. */
export interface LoadPace {
  pageSize: number;
  maxDepth: number;
  lanes: number;
  /** Time between two looks at the queue while it is full, in ms. */
  pollMs: number;
  /** How often changes are followed while a load runs, in ms. */
  followMs: number;
}

/** Work that may wait in a lane ahead of a live change, in ms: a few looks at the queue, so that no lane runs dry between two. */
const workAheadMs = 400;
/** A lane is given so many even if nothing is known of its speed. */
const leastPerLane = 2;
/** What was seen so long ago counts for a third, in ms: bundles end all at once, so that a single look says little. */
const memoryMs = 2_000;

/** Measures how fast the lanes work and says how many messages each may have waiting. */
export interface LaneMeter {
  /** Messages that may be waiting in one lane now. */
  target(): number;
  /** What was seen at `now` (epoch ms), before `sent` more messages are sent. */
  saw(depths: ReadonlyMap<string, number>, now: number): void;
  sent(messages: number): void;
}

/** A meter that knows nothing yet. */
export function makeLaneMeter({ lanes, maxDepth }: Pick<LoadPace, "lanes" | "maxDepth">): LaneMeter {
  let waiting: number | undefined;
  let seenAt = 0;
  let added = 0;
  let [recordsDone, laneMs] = [0, 0];
  return {
    target() {
      const wanted = laneMs === 0 ? 0 : Math.ceil((recordsDone / laneMs) * workAheadMs);
      return Math.max(leastPerLane, Math.min(wanted, Math.floor(maxDepth / lanes)));
    },
    saw(depths, now) {
      const depth = [...depths.values()].reduce((sum, one) => sum + one, 0);
      if (waiting !== undefined && now > seenAt) {
        const done = Math.max(0, waiting + added - depth);
        const busy = Math.max(1, Math.min(lanes, depths.size));
        const kept = Math.exp((seenAt - now) / memoryMs);
        recordsDone = kept * recordsDone + done;
        laneMs = kept * laneMs + busy * (now - seenAt);
      }
      [waiting, seenAt, added] = [depth, now, 0];
    },
    sent(messages) {
      added += messages;
    },
  };
}
