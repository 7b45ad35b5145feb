// The gates in front of the peers, shared by all instances through one row each. How a gate changes is gate-state.ts.

import { AuthError, ConflictError, SyncError, safeMessage, ThrottledError, UnavailableError } from "../errors.js";
import type { Gates, Peer } from "../flows/ports.js";
import type { Clock } from "../model/clock.js";
import type { EntityTable } from "./entity-table.js";
import {
  afterFine,
  afterTrouble,
  claimed,
  type Gate,
  type GateKind,
  givenBack,
  isProbing,
  passageOf,
  type Trouble,
  toGate,
  toValues,
} from "./gate-state.js";

/** A gate for an operator. Times are ISO; `kind`, `reason` and `until` only while it is not open. */
export interface GateStatus {
  peer: Peer;
  state: "open" | "closed" | "probing";
  since?: string;
  until?: string;
  kind?: GateKind;
  reason?: string;
}

/** The gates, and what an operator sees of them. */
export interface GateStore extends Gates {
  /** Both gates, at most a second old. UnavailableError: they cannot be read. */
  list(): Promise<readonly GateStatus[]>;
  /** A request goes out to the peer now: a probe of this process is being used. No I/O; the HTTP client says it. */
  sent(peer: Peer): void;
}

/** `leaseMs`: the longest a probe takes, by peer; a prober that says nothing for so long has lost it. `newId` names probes. */
export interface GateOptions {
  entities: EntityTable;
  clock: Clock;
  newId: () => string;
  leaseMs: Readonly<Record<Peer, number>>;
}

interface Stored {
  gate: Gate;
  etag: string;
}

type Held = NonNullable<Awaited<ReturnType<Gates["admit"]>>>;
type View = Readonly<Record<Peer, Stored | undefined>>;

const peers: readonly Peer[] = ["campaign", "dynamics"];
const partition = "workflow";
const viewAgeMs = 1_000;
const triesAfterConflict = 5;
const longestReason = 300;
/** A probe that has sent nothing for so long was given to work that needed no call: its process lets the next caller have it. */
const unsentMs = 5_000;

/**
 * Gates over table `workflows`, rows `gate-campaign` and `gate-dynamics`. A process reads them at most once a second, whatever
 * the number of callers. `admit` throws UnavailableError when they cannot be read. `trouble` and `fine` do not throw when the
 * table is away: what they could not store the next call finds out anew, and a probe's lease ends by itself.
 */
export function makeGates({ entities, clock, newId, leaseMs }: GateOptions): GateStore {
  let view: { gates: View; at: number } | undefined;
  let reading: Promise<View> | undefined;
  /** Own writes so far: a read that a write overtook is not kept. */
  let writes = 0;
  /** Probes of this process. */
  const held = new Map<Peer, { by: string; at: number; hasSent: boolean }>();
  const claiming = new Set<Peer>();

  const read = async (peer: Peer): Promise<Stored | undefined> => {
    const entity = await entities.get(partition, rowOf(peer));
    return entity && { gate: toGate(entity.values), etag: entity.etag };
  };

  const readBoth = async (): Promise<View> => {
    const [at, before] = [clock.now(), writes];
    try {
      const [campaign, dynamics] = await Promise.all([read("campaign"), read("dynamics")]);
      const gates = { campaign, dynamics };
      if (before === writes || !view) view = { gates, at };
      return view.gates;
    } finally {
      reading = undefined;
    }
  };

  const look = async (): Promise<View> => {
    if (view && clock.now() - view.at < viewAgeMs) return view.gates;
    reading ??= readBoth();
    return reading;
  };

  /** Puts into the view what is known of one gate now, without making the other one's news look fresher than it is. */
  const know = (peer: Peer, stored: Stored | undefined): void => {
    writes += 1;
    const gates = view?.gates ?? { campaign: undefined, dynamics: undefined };
    view = { gates: { ...gates, [peer]: stored }, at: view?.at ?? Number.NEGATIVE_INFINITY };
  };

  const save = async (peer: Peer, gate: Gate, etag: string | undefined): Promise<void> => {
    const values = toValues(gate);
    const saved =
      etag === undefined
        ? await entities.insert(partition, rowOf(peer), values)
        : await entities.replace(partition, rowOf(peer), values, etag);
    know(peer, { gate, etag: saved });
  };

  /** Reads afresh, decides, saves; again when somebody was faster. */
  const change = async (peer: Peer, decide: (gate: Gate | undefined) => Gate | undefined): Promise<void> => {
    for (let tried = 1; ; tried += 1) {
      const current = await read(peer);
      know(peer, current);
      const next = decide(current?.gate);
      if (!next) return;
      try {
        return await save(peer, next, current?.etag);
      } catch (error) {
        if (!(error instanceof ConflictError) || tried === triesAfterConflict) throw error;
      }
    }
  };

  const isProbe = (peer: Peer, gate: Gate | undefined, began?: number): boolean => {
    const own = held.get(peer);
    return own !== undefined && gate?.probe?.by === own.by && (began === undefined || began >= own.at);
  };

  /** True: this process has the probe. False: somebody else was faster. */
  const claim = async (peer: Peer, { gate, etag }: Stored): Promise<boolean> => {
    if (claiming.has(peer)) return false;
    claiming.add(peer);
    try {
      const own = { by: newId(), at: clock.now(), hasSent: false };
      await save(peer, claimed(gate, own.by, own.at, leaseMs[peer]), etag);
      held.set(peer, own);
      return true;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      know(peer, await read(peer));
      return false;
    } finally {
      claiming.delete(peer);
    }
  };

  const giveBack = async (peer: Peer): Promise<void> => {
    const own = held.get(peer);
    held.delete(peer);
    if (own) await change(peer, (gate) => gate && givenBack(gate, own.by));
  };

  const passage = (peer: Peer, gate: Gate | undefined, urgent: boolean): "open" | "claim" | number => {
    const own = held.get(peer);
    const now = clock.now();
    const isIdle = own !== undefined && !own.hasSent && now - own.at >= unsentMs && gate?.probe?.by === own.by;
    return passageOf(isIdle ? (givenBack(gate, own.by) ?? gate) : gate, urgent, now);
  };

  /** Takes all probes that are to be had, or none. Answers the peer in front of which the caller has to wait. */
  const pass = async (gates: View, urgent: boolean): Promise<Held | "lost" | undefined> => {
    const closed: { peer: Peer; stored: Stored }[] = [];
    for (const peer of peers) {
      const stored = gates[peer];
      const found = passage(peer, stored?.gate, urgent);
      if (!stored || found === "open") continue;
      if (found !== "claim") return { peer, until: found, reason: stored.gate.reason };
      closed.push({ peer, stored });
    }
    const won: Peer[] = [];
    for (const { peer, stored } of closed) {
      if (!(await claim(peer, stored))) {
        for (const other of won) await quietly(() => giveBack(other));
        return "lost";
      }
      won.push(peer);
    }
    return undefined;
  };

  return {
    async admit(urgent) {
      for (let tried = 1; ; tried += 1) {
        const gates = await look();
        const answer = await pass(gates, urgent);
        if (answer !== "lost") return answer;
        if (tried < triesAfterConflict && claiming.size === 0) continue;
        const peer = gates.campaign?.gate.isClosed ? "campaign" : "dynamics";
        return { peer, until: clock.now() + viewAgeMs, reason: gates[peer]?.gate.reason ?? "" };
      }
    },

    sent(peer) {
      const own = held.get(peer);
      if (own) own.hasSent = true;
    },

    async trouble(peer, error) {
      await quietly(() =>
        change(peer, (gate) => {
          const began = error instanceof SyncError ? error.context.began : undefined;
          const known = typeof began === "number" ? began : undefined;
          return afterTrouble(gate, toTrouble(error, known, isProbe(peer, gate, known)), clock.now());
        }),
      );
    },

    async fine(peer) {
      if (!view?.gates[peer]?.gate.isClosed) return;
      await quietly(() => change(peer, (gate) => afterFine(gate, isProbe(peer, gate), clock.now())));
    },

    async list() {
      const gates = await look();
      return peers.map((peer) => toStatus(peer, gates[peer]?.gate, clock.now()));
    },
  };
}

function rowOf(peer: Peer): string {
  return `gate-${peer}`;
}

function toTrouble(error: unknown, began: number | undefined, isProbe: boolean): Trouble {
  return {
    kind: error instanceof ThrottledError ? "throttled" : error instanceof AuthError ? "auth" : "outage",
    reason: safeMessage(error).slice(0, longestReason),
    isProbe,
    ...(error instanceof ThrottledError && { retryAfterMs: error.retryAfterMs }),
    ...(began !== undefined && { began }),
  };
}

function toStatus(peer: Peer, gate: Gate | undefined, now: number): GateStatus {
  if (!gate) return { peer, state: "open" };
  const since = new Date(gate.since).toISOString();
  if (!gate.isClosed) return { peer, state: "open", since };
  const { kind, reason, until } = gate;
  const state = isProbing(gate, now) ? "probing" : "closed";
  return { peer, state, since, until: new Date(until).toISOString(), kind, reason };
}

/** Runs what nobody's message should fail for: the table being away, or others being faster for too long. */
async function quietly(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const isStorage = error instanceof UnavailableError || error instanceof AuthError || error instanceof ConflictError;
    if (!isStorage) throw error;
  }
}
