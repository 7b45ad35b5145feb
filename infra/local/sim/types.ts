// What a simulator's core is made of: pure request → response over state in memory. Sockets, faults and logs are around it.

/** One HTTP request as a core sees it. Header names are lower case; `path` is as sent (still percent-encoded), without query. */
export interface SimRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  /** Raw query string without the question mark, for what URLSearchParams would change. */
  search: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Scheme and host the client used, e.g. `http://127.0.0.1:7081`: absolute links in answers start with it. */
  origin: string;
}

/** One HTTP answer of a core. */
export interface SimResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/**
 * Everything a core needs from outside, so that the same core runs behind a socket on real time and in a test on a virtual
 * clock. `later` calls back after `ms`; `post` delivers an HTTP POST and answers its status (0 = no answer at all).
 */
export interface SimWorld {
  now(): number;
  random(): number;
  later(ms: number, run: () => void): void;
  post(url: string, headers: Record<string, string>, body: string, timeoutMs: number): Promise<number>;
}

/** A simulator without its socket. */
export interface SimCore {
  handle(request: SimRequest): Promise<SimResponse> | SimResponse;
  /** Answer of `GET /_sim/state/<set>`; undefined when there is no such set. */
  state(set: string, query: URLSearchParams): unknown;
  /** Answer of `POST /_sim/<name>` for commands of this simulator's own; undefined when there is no such command. */
  command?(name: string, body: unknown): unknown;
  reset(): void;
}
