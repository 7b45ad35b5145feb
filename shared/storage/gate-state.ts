// The state of one gate and how it changes: pure functions of state, event and time. Reading and saving it is gates.ts.
// A gate that is closed lets one probe through after its pause; the probe's lease ends by itself, so no killed prober keeps it.

import type { EntityValue } from "./entity-table.js";

/** Why a gate is closed: asked to wait, no answer, or credentials refused. */
export type GateKind = "throttled" | "outage" | "auth";

/** One gate. Times are epoch ms; `since` is when it opened, or when the trouble began. */
export interface Gate {
  isClosed: boolean;
  since: number;
  kind: GateKind;
  reason: string;
  /** Nobody is let through before. */
  until: number;
  /** Pauses in a row; each is twice as long as the one before. */
  strikes: number;
  /** Who probes, since when, and when somebody else may. */
  probe?: { by: string; at: number; until: number };
}

/** What was wrong with the peer. `retryAfterMs` is the peer's wish. `isProbe`: the call that failed was the probe itself. */
export interface Trouble {
  kind: GateKind;
  reason: string;
  retryAfterMs?: number;
  /** When the call that failed began (epoch ms), where that is known. */
  began?: number;
  isProbe: boolean;
}

const firstPauseMs = 2_000;
const longestPauseMs = 5 * 60_000;
const shortestPauseMs = 250;
/** A time further ahead than this is a wrong clock's or a damaged row's, and counts as over. */
const longestClosedMs = 2 * 60 * 60_000;
/** Ordinary callers leave the probe to urgent ones for so long. */
const courtesyMs = 500;
/** How soon to ask again while somebody probes. */
const askAgainMs = 1_000;

/** Pause after the n-th trouble in a row: 2 s, 4 s, … 5 min. */
export function pauseMs(strikes: number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(strikes - 1, 20));
}

/** May this caller pass? `open`: yes. `claim`: yes, if it gets the probe. A number: ask again then (epoch ms). */
export function passageOf(gate: Gate | undefined, isUrgent: boolean, now: number): "open" | "claim" | number {
  if (!gate?.isClosed) return "open";
  const probeFrom = believable(gate.until, now) + (isUrgent ? 0 : courtesyMs);
  if (now < probeFrom) return probeFrom;
  return isProbing(gate, now) ? now + askAgainMs : "claim";
}

/** Is a probe under way whose lease has not ended? */
export function isProbing(gate: Gate, now: number): boolean {
  return gate.isClosed && gate.probe !== undefined && now < believable(gate.probe.until, now);
}

function believable(at: number, now: number): number {
  return at > now + longestClosedMs ? 0 : at;
}

/** The gate with the probe given to `by` until its lease ends. */
export function claimed(gate: Gate, by: string, now: number, leaseMs: number): Gate {
  return { ...gate, probe: { by, at: now, until: now + leaseMs } };
}

/** The gate with its probe given back unused: the next caller may have it. */
export function givenBack(gate: Gate, by: string): Gate | undefined {
  return gate.isClosed && gate.probe?.by === by ? withoutProbe(gate) : undefined;
}

/**
 * The gate after trouble; undefined when it stays as it is. Only a failed probe makes the pause grow: the failures of calls that
 * were under way when the gate closed say nothing new, and one that began before somebody's successful probe is out of date.
 */
export function afterTrouble(gate: Gate | undefined, trouble: Trouble, now: number): Gate | undefined {
  const asked = trouble.retryAfterMs === undefined ? undefined : now + Math.max(shortestPauseMs, trouble.retryAfterMs);
  const { kind, reason } = trouble;
  if (!gate?.isClosed) {
    if (gate && trouble.began !== undefined && trouble.began < gate.since) return undefined;
    return { isClosed: true, since: now, kind, reason, until: asked ?? now + pauseMs(1), strikes: 1 };
  }
  if (trouble.isProbe) {
    const strikes = gate.strikes + 1;
    return { ...withoutProbe(gate), kind, reason, strikes, until: asked ?? now + pauseMs(strikes) };
  }
  return asked !== undefined && asked > gate.until ? { ...gate, kind, reason, until: asked } : undefined;
}

/**
 * The gate after a call that worked; undefined when it stays as it is. A success does not end a pause that the peer asked for,
 * unless it was the probe's.
 */
export function afterFine(gate: Gate | undefined, isProbe: boolean, now: number): Gate | undefined {
  if (!gate?.isClosed) return undefined;
  if (gate.kind === "throttled" && now < gate.until && !isProbe) return undefined;
  return { isClosed: false, since: now, kind: gate.kind, reason: gate.reason, until: now, strikes: 0 };
}

function withoutProbe({ probe: _probe, ...gate }: Gate): Gate {
  return gate;
}

/** A gate as a row. */
export function toValues(gate: Gate): Record<string, EntityValue> {
  const { probe } = gate;
  return {
    state: gate.isClosed ? "closed" : "open",
    since: iso(gate.since),
    kind: gate.kind,
    reason: gate.reason,
    until: iso(gate.until),
    strikes: gate.strikes,
    ...(probe && { probeBy: probe.by, probeAt: iso(probe.at), probeUntil: iso(probe.until) }),
  };
}

/** A row as a gate. What cannot be read counts as over: a damaged row keeps no gate closed. */
export function toGate(values: Readonly<Record<string, EntityValue>>): Gate {
  const kind = values.kind;
  const gate: Gate = {
    isClosed: values.state === "closed",
    since: time(values.since),
    kind: kind === "throttled" || kind === "auth" ? kind : "outage",
    reason: String(values.reason ?? ""),
    until: time(values.until),
    strikes: Number(values.strikes) || 0,
  };
  if (typeof values.probeBy !== "string") return gate;
  return { ...gate, probe: { by: values.probeBy, at: time(values.probeAt), until: time(values.probeUntil) } };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function time(value: EntityValue | undefined): number {
  const ms = Date.parse(String(value));
  return Number.isNaN(ms) ? 0 : ms;
}
