// The only place that speaks HTTP: time-outs, one time budget over all attempts, retries, a gate per host after a 429.
// It knows no vendor: what a status means is the adapters' business (dataverse/to-error.ts, campaign/to-error.ts).

import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import axios, { type AxiosInstance, isAxiosError } from "axios";
import { ThrottledError, UnavailableError } from "../errors.js";
import type { Clock } from "../model/clock.js";
import { backoffMs, parseRetryAfter } from "./retry-timing.js";

/** One logical call. `deadline` (epoch ms) bounds all attempts and waits together; no attempt starts that it cannot hold. */
export interface HttpCall {
  system: "dynamics" | "campaign" | "ims" | "entra";
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
}

/** Sends calls; throws ThrottledError or UnavailableError when the budget is used up, nothing else. */
export interface HttpClient {
  send(call: HttpCall): Promise<HttpResponse>;
}

/** What the client needs from outside. `random` in [0, 1). */
export interface HttpClientOptions {
  clock: Clock;
  random: () => number;
}

const transientStatuses = new Set([429, 502, 503, 504]);
const defaultRetryAfterMs = 1_000;
const maxAnswerBytes = 64 * 1024 * 1024;

/** Makes the one HTTP client of the process. Connections are kept alive; redirects are never followed. */
export function makeHttpClient({ clock, random }: HttpClientOptions): HttpClient {
  const instance = axios.create({
    httpAgent: new HttpAgent({ keepAlive: true, maxSockets: 64 }),
    httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: 64 }),
    maxRedirects: 0,
    maxContentLength: maxAnswerBytes,
    responseType: "text",
    transformResponse: (data: unknown) => data,
    validateStatus: () => true,
  });
  const closedUntil = new Map<string, number>();

  return {
    async send(call) {
      const started = clock.now();
      let maybeApplied = false;
      for (let attempt = 1; ; attempt += 1) {
        await waitForHost(call, closedUntil, clock, maybeApplied);
        const outcome = await tryOnce(instance, call, clock);
        if (outcome.response && !isTransient(call, outcome.response, attempt)) {
          return { ...outcome.response, attempts: attempt, elapsedMs: clock.now() - started };
        }
        maybeApplied ||= isAmbiguous(outcome);
        const waitMs = pauseAfter(outcome, attempt, clock.now(), random());
        if (outcome.response?.status === 429) closeHost(closedUntil, call.url.host, clock.now() + waitMs);
        if (clock.now() + waitMs >= call.deadline) throw giveUp(call, outcome, { attempt, waitMs, maybeApplied });
        await clock.sleep(waitMs);
      }
    },
  };
}

/** A later, shorter wish does not open earlier what another answer closed. */
function closeHost(closedUntil: Map<string, number>, host: string, until: number): void {
  closedUntil.set(host, Math.max(closedUntil.get(host) ?? 0, until));
}

interface Outcome {
  response?: HttpResponse;
  /** Network error code such as ECONNREFUSED, or ETIMEDOUT for our own time-out. */
  network?: string;
}

async function waitForHost(
  call: HttpCall,
  closedUntil: ReadonlyMap<string, number>,
  clock: Clock,
  maybeApplied: boolean,
): Promise<void> {
  const facts = { system: call.system, operation: call.operation };
  for (;;) {
    const waitMs = (closedUntil.get(call.url.host) ?? 0) - clock.now();
    if (waitMs <= 0) break;
    if (clock.now() + waitMs >= call.deadline) {
      const message = `${call.system} is asking everybody to wait; ${call.operation} was not sent`;
      throw maybeApplied ? new UnavailableError(message, true, facts) : new ThrottledError(message, waitMs, facts);
    }
    await clock.sleep(waitMs);
  }
  if (clock.now() >= call.deadline) {
    throw new UnavailableError(`no time left for ${call.operation}; it was not sent`, maybeApplied, facts);
  }
}

async function tryOnce(instance: AxiosInstance, call: HttpCall, clock: Clock): Promise<Outcome> {
  const timeoutMs = Math.min(call.timeoutMs, call.deadline - clock.now());
  try {
    const response = await instance.request<string>({
      url: call.url.href,
      method: call.method,
      headers: call.headers ?? {},
      data: call.body,
      timeout: timeoutMs,
      // Axios' own time-out does not bound the connection phase or a trickling body; the signal bounds the whole attempt.
      signal: AbortSignal.timeout(timeoutMs),
    });
    const headers = Object.fromEntries(
      Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
    );
    return { response: { status: response.status, headers, text: response.data ?? "", attempts: 1, elapsedMs: 0 } };
  } catch (error) {
    if (!isAxiosError(error)) throw error;
    const timedOut = error.code === "ERR_CANCELED" || error.code === "ECONNABORTED";
    return { network: timedOut ? "ETIMEDOUT" : (error.code ?? "ERR_NETWORK") };
  }
}

function isTransient(call: HttpCall, response: HttpResponse, attempt: number): boolean {
  return transientStatuses.has(response.status) || (call.isTransient?.(response, attempt) ?? false);
}

/** Server timing beats our own back-off and is taken as it is; no jitter on it. */
function pauseAfter(outcome: Outcome, attempt: number, now: number, random: number): number {
  const asked = outcome.response ? parseRetryAfter(outcome.response.headers["retry-after"], now) : undefined;
  if (asked !== undefined) return asked;
  return outcome.response?.status === 429
    ? defaultRetryAfterMs * 2 ** Math.min(attempt - 1, 5)
    : backoffMs(attempt, random);
}

/** Codes after which the request certainly never reached the other side. */
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "CERT_HAS_EXPIRED",
]);

/** After 429 and 503 nothing was done; after any other failure the other side may have carried the call out. */
function isAmbiguous({ response, network }: Outcome): boolean {
  if (response) return response.status !== 429 && response.status !== 503;
  return network !== undefined && !neverSent.has(network);
}

function giveUp(
  call: HttpCall,
  outcome: Outcome,
  { attempt, waitMs, maybeApplied }: { attempt: number; waitMs: number; maybeApplied: boolean },
): Error {
  const status = outcome.response?.status;
  const facts = { system: call.system, operation: call.operation, attempt, status, network: outcome.network };
  if (status === 429 && !maybeApplied) {
    return new ThrottledError(`${call.system} answered 429 to ${call.operation}`, waitMs, facts);
  }
  const said = status === undefined ? (outcome.network ?? "no answer") : `status ${status}`;
  return new UnavailableError(`${call.system} is not available for ${call.operation}: ${said}`, maybeApplied, facts);
}
