// The way between a host and the simulators: latency, trouble of the network and of the peers, and the log of what arrives.
// A request that has left may arrive although its sender died or gave up, within the time that the flows allow it.

import type { SimCore, SimResponse } from "../../infra/local/sim/types.js";
import { lowerCased } from "../support/core-http.js";
import type { Life, LifeParts } from "./process.js";
import { ask, hosts } from "./registration.js";
import type { WaitLog } from "./wait-log.js";

/** A request as it leaves a process. */
export interface Outgoing {
  method: string;
  url: URL;
  headers: Readonly<Record<string, string>>;
  body: string;
  timeoutMs: number;
}

/** An answer, or the network's error code. */
export type Incoming = { status: number; headers: Record<string, string>; text: string } | { network: string };

/** What watches the wire. */
export interface WireLog extends Pick<WaitLog, "sent" | "received"> {
  /** A request arrives; `handle` gives it to the peer. */
  record(who: string, request: Outgoing, handle: () => Promise<SimResponse>): Promise<SimResponse>;
  /** Record key a write to Campaign is about, if the request tells. */
  keyOf(request: Outgoing): string | undefined;
  /** A request leaves a process; `fault` is what will become of it. */
  leaves?(who: string, request: Outgoing, fault: string | undefined): void;
  /** The answer to this write to Campaign will not reach its sender. */
  interrupted(request: Outgoing): void;
}

/** Sends for a life. */
export type Transport = (life: Life, request: Outgoing) => Promise<Incoming>;

/** A window in which a peer refuses everybody. */
interface Pause {
  until: number;
  status: number;
  tells: boolean;
}

/** What the way needs. `lateMs`: how long after its sender gave up a request may still arrive. */
export interface PeerParts extends LifeParts {
  cores: Readonly<Record<string, SimCore>>;
  log: WireLog;
  lateMs: number;
}

/** Makes the way to both peers. */
export function makeTransport(parts: PeerParts): Transport {
  const { scheduler, temper, chance, trace, cores, log, lateMs } = parts;
  const pauses = new Map<string, Pause>();

  const arrive = async (life: Life, request: Outgoing): Promise<SimResponse> => {
    const core = cores[request.url.host];
    if (!core) throw new Error(`no peer behind ${request.url.host}`);
    return log.record(life.name, request, async () => ask(core, request));
  };

  const pauseOf = (host: string): Pause | undefined => {
    const kind = host === hosts.campaign ? "campaignPause" : "dynamicsPause";
    const current = pauses.get(host);
    if (current && current.until > scheduler.now() && !temper.isOver) return current;
    if (!temper.strikes(kind)) return undefined;
    const status = chance.pick([429, 429, 503, 503, 502, 504]);
    const tells = status === 429 ? chance.happens(0.7) : status === 503 && chance.happens(0.3);
    const pause = { until: scheduler.now() + chance.skewed(1_000, 180_000), status, tells };
    trace.add(host, `pauses with ${status} for ${pause.until - scheduler.now()} ms${tells ? ", and says so" : ""}`);
    pauses.set(host, pause);
    return pause;
  };

  return (life, request) =>
    new Promise((resolve) => {
      const { host, pathname } = request.url;
      const isToken = pathname.includes("/token");
      const isWrite = host === hosts.campaign && !isToken && request.method !== "GET";
      log.sent(life.name, host, isToken);
      const transit = (): number => (chance.happens(0.05) ? chance.skewed(50, 2_000) : chance.between(2, 40));
      let answered = false;
      const answer = (incoming: Incoming, afterMs: number): void => {
        scheduler.after(afterMs, () => {
          if (answered) return;
          answered = true;
          if (!life.alive) return;
          if ("status" in incoming && !isToken) log.received(life.name, host, incoming.status, incoming.headers);
          if (temper.strikes("kill")) life.die("at an answer");
          else resolve(incoming);
        });
      };
      const say = (what: string): void =>
        trace.add(life.name, `${request.method} ${host}${pathname}: ${what}`, isWrite ? log.keyOf(request) : undefined);
      const deliver = (afterMs: number, then: (response: SimResponse) => void): void =>
        scheduler.after(afterMs, () => void arrive(life, request).then(then));
      const deliverLate = (afterMs: number): void => scheduler.after(afterMs, () => void arrive(life, request));
      const status = (code: number, retryAfterMs?: number): Incoming => ({
        status: code,
        headers: retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterMs / 1000)) },
        text: code === 500 ? "An unexpected error has occurred" : "",
      });

      answer({ network: "ETIMEDOUT" }, request.timeoutMs);
      const pause = isToken ? undefined : pauseOf(host);
      if (pause) {
        say(`refused with ${pause.status}`);
        return answer(status(pause.status, pause.tells ? pause.until - scheduler.now() : undefined), transit());
      }
      const kind = isToken ? "tokens" : host === hosts.campaign ? "campaignRequest" : "dynamicsRequest";
      const fault = temper.strikes(kind) ? chance.pick(requestFaults) : undefined;
      log.leaves?.(life.name, request, fault);
      if (fault) {
        say(fault);
        if (isWrite) log.interrupted(request);
      }
      switch (fault) {
        case undefined:
          return deliver(transit(), ({ status: code, headers, body }) => {
            answer({ status: code, headers: lowerCased(headers), text: body }, transit());
          });
        case "not sent":
          return answer({ network: "ECONNREFUSED" }, transit());
        case "reset before it arrives":
          return answer({ network: "ECONNRESET" }, transit());
        case "reset after it arrives":
          return deliver(transit(), () => answer({ network: "ECONNRESET" }, transit()));
        case "no answer":
          return deliver(transit(), () => {});
        case "arrives late":
          return deliverLate(chance.between(request.timeoutMs, request.timeoutMs + lateMs));
        case "429":
          return answer(status(429), transit());
        case "429 with Retry-After": {
          const ms = chance.skewed(1_000, 60_000);
          return answer(status(429, ms), transit());
        }
        case "503":
          return answer(status(503), transit());
        case "502 after it arrives":
          return deliver(transit(), () => answer(status(502), transit()));
        case "504 after it arrives":
          return deliver(transit(), () => answer(status(504), transit()));
        case "504 before it arrives":
          answer(status(504), transit());
          return deliverLate(chance.skewed(100, request.timeoutMs + lateMs));
        case "500 in unknown words":
          return answer(status(500), transit());
        case "500 in unknown words after it arrives":
          return deliver(transit(), () => answer(status(500), transit()));
      }
    });
}

const requestFaults = [
  "not sent",
  "reset before it arrives",
  "reset after it arrives",
  "no answer",
  "arrives late",
  "429",
  "429 with Retry-After",
  "503",
  "502 after it arrives",
  "504 after it arrives",
  "504 before it arrives",
  "500 in unknown words",
  "500 in unknown words after it arrives",
] as const;
