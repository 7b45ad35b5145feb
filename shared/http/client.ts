// The only place that speaks HTTP: time-outs, one time budget over all attempts, retries, waiting after a 429.
// It knows no vendor: what a status means is the adapters' business (dataverse/to-error.ts, campaign/to-error.ts). Who may send
// when is throttle.ts, the network axios-transport.ts.

import { ThrottledError, UnavailableError } from "../errors.js";
import type { Clock } from "../model/clock.js";
import { makeAxiosTransport } from "./axios-transport.js";
import { networkWords, neverSent } from "./network-code.js";
import { backoffMs, parseRetryAfter } from "./retry-timing.js";
import { makeLocalThrottle, type Throttle } from "./throttle.js";

/** One logical call. `deadline` (epoch ms) bounds all attempts and waits together; no attempt starts that it cannot hold. */
export interface HttpCall {
  system: "dynamics" | "campaign" | "ims" | "entra" | "telemetry";
  /** What the call is for, in words without ids: `read contact`, `patch profile`. Goes into errors and logs. */
  operation: string;
  method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  url: URL;
  headers?: Record<string, string>;
  body?: string;
  /** Longest time of one attempt, in ms. */
  timeoutMs: number;
  deadline: number;
  /** May this answer, to this attempt, become another one by itself? 429, 502, 503 and 504 always may. */
  isTransient?: (response: HttpResponse, attempt: number) => boolean;
}

/** An answer that is final for the transport, whatever its status. Header names are lower case. */
export interface HttpResponse {
  status: number;
  headers: Readonly<Record<string, string>>;
  text: string;
  attempts: number;
  elapsedMs: number;
  /** An earlier attempt of this call got no answer, and may yet take effect. */
  mayEcho: boolean;
}

/** Sends calls; throws ThrottledError or UnavailableError when the budget is used up, nothing else. */
export interface HttpClient {
  send(call: HttpCall): Promise<HttpResponse>;
}

/** One attempt as it goes out; it ends after `timeoutMs`. */
export interface HttpRequest {
  method: HttpCall["method"];
  url: URL;
  headers: Readonly<Record<string, string>>;
  body: string | undefined;
  timeoutMs: number;
}

/** What came back: an answer, header names in lower case, or the network error's code (ECONNREFUSED; ETIMEDOUT for our time-out; network-code.ts). */
export type Transported = Pick<HttpResponse, "status" | "headers" | "text"> | { network: string };

/** Carries one attempt. Never throws for what the network or the peer does. */
export type Transport = (request: HttpRequest) => Promise<Transported>;

/**
 * What the client needs from outside. `random` in [0, 1). `throttles` by system, shared with other processes; without one, a 429
 * holds this process's calls to the host. `onSend` hears of every attempt right before it goes out. `transport`: the network.
 */
export interface HttpClientOptions {
  clock: Clock;
  random: () => number;
  throttles?: Partial<Readonly<Record<HttpCall["system"], Throttle>>>;
  onSend?: (call: HttpCall) => void;
  transport?: Transport;
}

const transientStatuses = new Set([429, 502, 503, 504]);
const defaultRetryAfterMs = 1_000;

/** Makes the one HTTP client of the process. */
export function makeHttpClient(options: HttpClientOptions): HttpClient {
  const { clock, random, throttles = {}, onSend, transport = makeAxiosTransport() } = options;
  const hosts = new Map<string, Throttle>();
  const throttleOf = ({ system, url: { host } }: HttpCall): Throttle => {
    const found = throttles[system] ?? hosts.get(host) ?? makeLocalThrottle(clock);
    if (!throttles[system]) hosts.set(host, found);
    return found;
  };

  return {
    async send(call) {
      const started = clock.now();
      const throttle = throttleOf(call);
      let maybeApplied = false;
      for (let attempt = 1; ; attempt += 1) {
        await waitForTurn(throttle, call, clock, maybeApplied);
        const began = clock.now();
        onSend?.(call);
        const outcome = await tryOnce(transport, call, began);
        if (outcome.response && !isTransient(call, outcome.response, attempt)) {
          return { ...outcome.response, attempts: attempt, elapsedMs: clock.now() - started, mayEcho: maybeApplied };
        }
        maybeApplied ||= isAmbiguous(outcome);
        const waitMs = pauseAfter(outcome, attempt, clock.now(), random());
        const until = clock.now() + waitMs;
        if (asksEverybody(outcome)) await throttle.refused(until, began);
        if (until >= call.deadline) throw giveUp(call, outcome, { attempt, began, waitMs, maybeApplied });
        await clock.sleep(Math.max(0, until - clock.now()));
      }
    },
  };
}

interface Outcome {
  response?: HttpResponse;
  /** Network error code such as ECONNREFUSED, or ETIMEDOUT for our own time-out. */
  network?: string;
}

/** Once an earlier attempt may have been carried out, no error may say that nothing was sent. */
async function waitForTurn(throttle: Throttle, call: HttpCall, clock: Clock, maybeApplied: boolean): Promise<void> {
  try {
    await throttle.admit(call);
  } catch (error) {
    if (!maybeApplied || !(error instanceof ThrottledError)) throw error;
    throw new UnavailableError(error.message, true, error.context);
  }
  if (clock.now() >= call.deadline) {
    const facts = { system: call.system, operation: call.operation };
    throw new UnavailableError(`no time left for ${call.operation}; it was not sent`, maybeApplied, facts);
  }
}

async function tryOnce(transport: Transport, call: HttpCall, now: number): Promise<Outcome> {
  const { method, url, headers = {}, body } = call;
  const timeoutMs = Math.min(call.timeoutMs, call.deadline - now);
  const answer = await transport({ method, url, headers, body, timeoutMs });
  return "network" in answer ? answer : { response: { ...answer, attempts: 1, elapsedMs: 0, mayEcho: false } };
}

function isTransient(call: HttpCall, response: HttpResponse, attempt: number): boolean {
  return transientStatuses.has(response.status) || (call.isTransient?.(response, attempt) ?? false);
}

/** A 429 is meant for everybody, and so is a 503 that says when it will be over. */
function asksEverybody({ response }: Outcome): boolean {
  return response?.status === 429 || (response?.status === 503 && response.headers["retry-after"] !== undefined);
}

/** Server timing beats our own back-off and is taken as it is; no jitter on it. */
function pauseAfter(outcome: Outcome, attempt: number, now: number, random: number): number {
  const asked = outcome.response ? parseRetryAfter(outcome.response.headers["retry-after"], now) : undefined;
  if (asked !== undefined) return asked;
  return outcome.response?.status === 429
    ? defaultRetryAfterMs * 2 ** Math.min(attempt - 1, 5)
    : backoffMs(attempt, random);
}

/** After 429 and 503 nothing was done; after any other failure the other side may have carried the call out. */
function isAmbiguous({ response, network }: Outcome): boolean {
  if (response) return response.status !== 429 && response.status !== 503;
  return network !== undefined && !neverSent(network);
}

function giveUp(
  call: HttpCall,
  outcome: Outcome,
  { attempt, began, waitMs, maybeApplied }: { attempt: number; began: number; waitMs: number; maybeApplied: boolean },
): Error {
  const status = outcome.response?.status;
  const { system, operation } = call;
  // When the last attempt began tells the gates whether its failure is still news (storage/gate-state.ts).
  const facts = { system, operation, attempt, status, network: outcome.network, began };
  if (status === 429 && !maybeApplied) {
    return new ThrottledError(`${call.system} answered 429 to ${call.operation}`, waitMs, facts);
  }
  const said = status === undefined ? networkWords(outcome.network ?? "no answer") : `status ${status}`;
  return new UnavailableError(`${call.system} is not available for ${call.operation}: ${said}`, maybeApplied, facts);
}
