// How bad a seed's world is: which faults it knows and how often they strike. Drawn once a history; what a fault does is where it strikes.

import type { Chance } from "./chance.js";

/** Every kind of fault. Rates are chances per occasion: a step of a process, a request, a table or bus call, a delivery, a notice. */
export const faultKinds = {
  /** Step: the process dies, with everything it had in hand. */
  kill: 0.004,
  /** Step: the process stands still for up to two minutes. */
  stall: 0.004,
  /** Delivery: the lane goes to a second holder while the first one works on. */
  lockLost: 0.1,
  /** Delivery: done, but the completion is lost, so that it comes again. */
  completionLost: 0.1,
  /** Table call: fails, before or after it took effect. */
  tables: 0.05,
  /** Bus call: fails, before it took effect, after it, or half done. */
  bus: 0.05,
  /** Request: network or peer trouble of a single request. */
  campaignRequest: 0.15,
  dynamicsRequest: 0.08,
  /** Request: the peer asks everybody to wait from now on, or is away. */
  campaignPause: 0.02,
  dynamicsPause: 0.01,
  tokens: 0.1,
  noticeDropped: 0.5,
  noticeDoubled: 0.3,
  noticeLate: 0.5,
  /** Once a history: bodies above a small size come without row and images. */
  noticeTruncated: 0.5,
  /** Act: change tracking links expire. */
  expiredLink: 0.05,
} as const;

/** A kind of fault. */
export type FaultKind = keyof typeof faultKinds;

/** The faults of one history. After `end` none strikes. */
export interface Temper {
  readonly rates: Readonly<Record<FaultKind, number>>;
  strikes(kind: FaultKind): boolean;
  end(): void;
  readonly isOver: boolean;
}

/**
 * Draws a temper: one seed in eight is calm, the others know about half of the faults, each at anything from a hundredth of its worst rate up to
 * that (so that rare faults meet alone as well as all at once).
 */
export function drawTemper(chance: Chance, without: readonly FaultKind[] = []): Temper {
  const calm = chance.happens(1 / 8);
  const share = chance.pick([0.3, 0.6, 1]);
  const rates = Object.fromEntries(
    Object.entries(faultKinds).map(([kind, worst]) => {
      const known = chance.happens(share);
      const rate = worst * 10 ** (-2 * chance.draw());
      return [kind, calm || !known || without.includes(kind as FaultKind) ? 0 : rate];
    }),
  ) as Record<FaultKind, number>;
  const occasions = chance.fork();
  let isOver = false;
  return {
    rates,
    strikes: (kind) => !isOver && rates[kind] > 0 && occasions.happens(rates[kind]),
    end() {
      isOver = true;
    },
    get isOver() {
      return isOver;
    },
  };
}
