// May this message be worked on now? Stopped flows, parked tables and closed gates hold messages back without counting an attempt.

import type { Envelope } from "../model/envelope.js";
import type { IngressPorts } from "./ports.js";

/** A message that is not to be worked on before `until` (epoch ms), and why. */
export interface HeldBack {
  until: number;
  reason: "stopped" | "parked" | "gate" | "opt-outs-stopped";
}

/** So long a lane waits in place for a gate to open or the flow to start, before it puts its message back; below the lock renewal of host.json. */
const patienceMs = 45_000;
/** How often it looks meanwhile. */
const lookEveryMs = 1_000;
/** When a message that was put back comes again. */
const comeAgainMs = { stopped: 60_000, parked: 120_000, gate: 5_000, "opt-outs-stopped": 60_000 } as const;
/** Put back at once: other records share the lane. */
const putBack: ReadonlySet<HeldBack["reason"]> = new Set(["parked", "opt-outs-stopped"]);

/**
 * Undefined: go on. While a gate is closed or the flow is stopped the lane waits here, so that a long outage does not turn the whole queue over
 * and over; a parked table is put back at once, for other tables share its lanes.
 */
export async function holdBack(ports: IngressPorts, { table, kind }: Envelope): Promise<HeldBack | undefined> {
  const { clock } = ports;
  const patientUntil = clock.now() + patienceMs;
  for (;;) {
    const closed = await whatCloses(ports, table, kind === "optout");
    if (!closed) return undefined;
    const now = clock.now();
    if (putBack.has(closed.reason) || now >= patientUntil) {
      return { reason: closed.reason, until: Math.max(closed.until, now + comeAgainMs[closed.reason]) };
    }
    await clock.sleep(Math.max(1, Math.min(lookEveryMs, closed.until - now, patientUntil - now)));
  }
}

async function whatCloses(
  { control, gates, clock }: IngressPorts,
  table: string,
  isOptOut: boolean,
): Promise<HeldBack | undefined> {
  const { wanted, drain, parked, optOutsStopped } = await control.current();
  if (wanted === "stopped" && !drain) return { reason: "stopped", until: clock.now() + lookEveryMs };
  if (parked.has(table)) return { reason: "parked", until: clock.now() };
  if (isOptOut && optOutsStopped) return { reason: "opt-outs-stopped", until: clock.now() };
  const closed = await gates.admit(isOptOut);
  return closed && { reason: "gate", until: closed.until };
}
