// Which faults a seed's stand-ins have while its acts are played. Each is one that its peer's own README offers; `lost` and `reset` kinds interrupt
// calls half-way. What kills hosts is real-history.ts.

import type { Breakable, Observer } from "../../infra/local/people.js";
import type { Chance } from "../convergence/chance.js";

/** One fault of a stand-in. `interrupts`: a call may have taken effect although its caller never heard of it. */
export interface RealFault {
  on: Breakable;
  interrupts: boolean;
  fault: Readonly<Record<string, unknown>>;
}

/** How long Campaign asks everybody to wait, in seconds: the same all through a seed, so that the rules can tell when it was said. */
export const retryAfterSeconds = 2;

const api = "* /acme/campaign/**";

/** Every kind, with the rate at its worst. */
function kinds(seed: number): readonly RealFault[] {
  const of = (on: Breakable, fault: Record<string, unknown>, interrupts = false): RealFault => ({
    on,
    interrupts,
    fault: { seed, ...fault },
  });
  return [
    of("campaign", { on: api, rate: 0.2, answer: { status: 429, retryAfter: retryAfterSeconds } }),
    of("campaign", { on: api, rate: 0.15, answer: { status: 429 } }),
    of("campaign", { on: api, rate: 0.15, answer: { status: 503 } }),
    of("campaign", { on: api, rate: 0.3, lost: true }, true),
    of("campaign", { on: api, rate: 0.3, reset: "before" }),
    of("campaign", { on: api, rate: 0.3, reset: "mid-body" }, true),
    of("campaign", { on: api, rate: 0.2, delayMs: 400 }),
    of("campaign", { on: api, rate: 0.1, delayMs: 2_600 }, true),
    of("dataverse", { on: "GET **", rate: 0.05, answer: { status: 429, retryAfter: 1 } }),
    of("dataverse", { on: "GET **", rate: 0.05, answer: { status: 503 } }),
    of("dataverse", { on: "GET **", rate: 0.1, reset: "mid-body" }),
    of("dataverse", { on: "GET **", rate: 0.2, delayMs: 300 }),
    of("dataverse", { on: "webhook", rate: 0.5, drop: true }),
    of("dataverse", { on: "webhook", rate: 0.5, double: true, shuffleMs: 1_500 }),
    of("bus", { on: "send changes", rate: 0.1, answer: { condition: "com.microsoft:server-busy" } }),
    of("bus", { on: "send changes", rate: 0.1, lost: true }),
    of("bus", { on: "settle changes", rate: 0.1, lost: true }),
    of("bus", { on: "deliver changes", rate: 0.1, lockLost: 20 }, true),
    of("bus", { on: "deliver changes", rate: 0.05, reset: "before" }),
    of("tables", { on: "* /local/**", rate: 0.03, answer: { status: 503 } }, true),
    of("tables", { on: "* /local/**", rate: 0.03, lost: true }, true),
    of("tables", { on: "* /local/syncstate**", rate: 0.05, delayMs: 500 }),
  ];
}

/** Kinds that batches to Dynamics meet besides. */
export function batchFaults(seed: number): readonly RealFault[] {
  const on = "POST /api/data/v9.2/$batch";
  const of = (fault: Record<string, unknown>): RealFault => ({
    on: "dataverse",
    interrupts: true,
    fault: { seed, on, ...fault },
  });
  return [
    of({ rate: 0.3, lost: true }),
    of({ rate: 0.3, reset: "mid-body" }),
    of({ rate: 0.3, reset: "before" }),
    of({ rate: 0.3, answer: { status: 503 } }),
    of({ rate: 0.2, answer: { status: 429, retryAfter: 1 } }),
    of({ rate: 0.3, delayMs: 700 }),
  ];
}

/**
 * Draws a seed's faults: about a third of all kinds and of `more`, each at its worst rate or up to four times rarer. Every third seed knows only those that
 * interrupt nothing, so that it is seen whether anything is written twice without need.
 */
export function drawFaults(chance: Chance, seed: number, more: readonly RealFault[] = []): readonly RealFault[] {
  return [...kinds(seed), ...more].flatMap((kind) => {
    const isThere = chance.happens(0.35) && !(kind.interrupts && seed % 3 === 0);
    const share = 4 ** -chance.draw();
    return isThere ? [{ ...kind, fault: { ...kind.fault, rate: Number(kind.fault.rate) * share } }] : [];
  });
}

const breakable: readonly Breakable[] = ["dataverse", "campaign", "bus", "tables"];

/** From now on they strike. */
export async function beginFaults(observer: Observer, faults: readonly RealFault[]): Promise<void> {
  for (const { on, fault } of faults) await observer.fault(on, fault);
}

/** Every fault of every stand-in ends. */
export async function endFaults(observer: Observer): Promise<void> {
  for (const simulator of breakable) await observer.clearFaults(simulator);
}
