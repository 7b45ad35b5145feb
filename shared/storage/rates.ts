import type { RateState } from "../http/rate-timing.js";
import type { RateStore } from "../http/shared-throttle.js";
import type { EntityTable, EntityValue } from "./entity-table.js";

const partition = "workflow";

/** The shared rate towards one peer: table `workflows`, row `rate-<peer>`. A damaged row reads as one that limits nothing. */
export function makeRateStore(entities: EntityTable, peer: "campaign" | "dynamics"): RateStore {
  const row = `rate-${peer}`;
  return {
    async read() {
      const entity = await entities.get(partition, row);
      return entity && { state: toState(entity.values), etag: entity.etag };
    },
    save(state, etag) {
      const values = toValues(state);
      return etag === undefined
        ? entities.insert(partition, row, values)
        : entities.replace(partition, row, values, etag);
    },
  };
}

/** Milliseconds as text: the storage's numbers are 32-bit integers, and slots lie at fractions of a millisecond. */
function toValues({ next, closedUntil, slow }: RateState): Record<string, EntityValue> {
  return {
    next: next.toFixed(3),
    closedUntil: new Date(closedUntil).toISOString(),
    ...(slow && {
      slowMs: slow.intervalMs.toFixed(3),
      slowFreeMs: slow.freeMs.toFixed(3),
      slowAt: new Date(slow.at).toISOString(),
    }),
  };
}

function toState(values: Readonly<Record<string, EntityValue>>): RateState {
  const state = { next: Number(values.next) || 0, closedUntil: Date.parse(String(values.closedUntil)) || 0 };
  const [intervalMs, at] = [Number(values.slowMs), Date.parse(String(values.slowAt))];
  if (!(intervalMs > 0) || Number.isNaN(at)) return state;
  return { ...state, slow: { intervalMs, freeMs: Number(values.slowFreeMs) || 0, at } };
}
