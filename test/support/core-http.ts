import type { SimCore, SimRequest, SimWorld } from "../../infra/local/sim/types.js";
import { UnavailableError } from "../../shared/errors.js";
import type { HttpClient } from "../../shared/http/client.js";
import type { FixedClock } from "./fixed-clock.js";

/** A world for a simulator's core on a test's clock. Nothing is delivered by itself: what the core posts is kept in `posted`. */
export interface CoreWorld extends SimWorld {
  readonly posted: { url: string; body: string }[];
}

/** Makes a world on `clock`, with chance that always draws the same. */
export function coreWorld(clock: FixedClock): CoreWorld {
  const posted: CoreWorld["posted"] = [];
  let seed = 1;
  return {
    posted,
    now: () => clock.now(),
    random() {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    },
    later: (_ms, run) => queueMicrotask(run),
    async post(url, _headers, body) {
      posted.push({ url, body });
      return 202;
    },
  };
}

/** A request on its way to a simulator's core. */
export interface WireRequest {
  method: string;
  url: URL;
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
}

/** The request as a core takes it. */
export function toSimRequest({ method, url, headers, body = "" }: WireRequest): SimRequest {
  return {
    method,
    path: url.pathname,
    query: url.searchParams,
    search: url.search.replace(/^\?/, ""),
    headers: lowerCased(headers),
    body,
    origin: url.origin,
  };
}

/** Headers with their names in lower case, as HTTP clients give them. */
export function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** An HTTP client that calls simulators' cores in process, by host name; one attempt a call. */
export function coreHttp(cores: Readonly<Record<string, SimCore>>, clock: FixedClock): HttpClient {
  return {
    async send({ url, method, headers = {}, body = "", operation, deadline, system }) {
      const core = cores[url.host];
      if (!core) throw new Error(`no simulator behind ${url.host}`);
      if (clock.now() >= deadline) throw new UnavailableError(`no time left for ${operation}`, false, { system });
      const response = await core.handle(toSimRequest({ method, url, headers, body }));
      if ([429, 502, 503, 504].includes(response.status)) {
        throw new UnavailableError(`${system} answered ${response.status}`, response.status !== 429, { system });
      }
      return {
        status: response.status,
        headers: lowerCased(response.headers),
        text: response.body,
        attempts: 1,
        elapsedMs: 0,
        mayEcho: false,
      };
    },
  };
}
