// What a simulator's core is made of: pure request → response over state in memory.
// Sockets, faults, latency and logs are around it (start-simulator.ts), never in here.

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

/** Where a core sends a bus message: `namespaceUrl` like `sb://host[:port]/`, `entity` a queue or topic, a SAS key by name. */
export interface BusTarget {
  namespaceUrl: string;
  entity: string;
  keyName: string;
  key: string;
}

/** One message for a bus. The body is sent as UTF-8 bytes. */
export interface BusMessage {
  body: string;
  contentType: string;
  properties: Record<string, string | number | boolean>;
  messageId?: string;
  correlationId?: string;
}

/** What became of a message: the bus has it, the bus would not have it, or nobody knows because there was no bus to talk to. */
export type BusOutcome = "sent" | "refused" | "unreachable";

/**
 * Everything a core needs from outside, so that the same core runs behind a socket on real time and in a test on a virtual
 * clock. `later` calls back after `ms`; `post` delivers an HTTP POST and answers its status (0 = no answer at all);
 * `sendToBus` makes one attempt to send a message (a world without it has no bus).
 */
export interface SimWorld {
  now(): number;
  random(): number;
  later(ms: number, run: () => void): void;
  post(url: string, headers: Record<string, string>, body: string, timeoutMs: number): Promise<number>;
  sendToBus?(target: BusTarget, message: BusMessage): Promise<BusOutcome>;
}

/** When a fault strikes, whatever it does; the same members for every kind of fault (README.md). */
export interface FaultTiming {
  /** At most so often. */
  times?: number | undefined;
  /** Chance of each matching occurrence, 0 to 1. */
  rate?: number | undefined;
  /** Milliseconds since the simulator started, or an ISO instant. */
  from?: number | string | undefined;
  to?: number | string | undefined;
  /** The first so many matching occurrences go through. */
  after?: number | undefined;
  seed?: number | undefined;
}

/** A fault that the core carries out itself, e.g. `{ on: "webhook", drop: true }`; `on` has no space in it. */
export interface CoreFault extends FaultTiming {
  on: string;
  [effect: string]: unknown;
}

/** How a core takes the faults that are not about one HTTP request. `add` throws an Error that names the field it refuses. */
export interface CoreFaults {
  add(id: string, fault: CoreFault): void;
  list(): readonly unknown[];
  /** Removes one fault, or all without an id. Answers how many. */
  remove(id?: string): number;
}

/** A simulator without its socket. */
export interface SimCore {
  handle(request: SimRequest): Promise<SimResponse> | SimResponse;
  /**
   * Answer of `GET /_sim/state/<set>`; undefined when there is no such set. An iterator (not an array) is streamed as a JSON
   * array, for sets that would not fit into one string.
   */
  state(set: string, query: URLSearchParams): unknown;
  /**
   * Answer of `POST /_sim/<name>` for commands of this simulator's own, or a promise of it; undefined when there is no such
   * command. An Error it throws is answered as 400 with its message.
   */
  command?(name: string, body: unknown): unknown;
  reset(): void | Promise<void>;
  /**
   * Asked when a request arrives, before latency and faults: either refuses it at once, or answers what to call when the
   * request is over. For limits on requests in flight and on time spent.
   */
  enter?(request: SimRequest): SimResponse | (() => void);
  faults?: CoreFaults;
  /** The request's path with ids replaced, under which it is counted; the chassis replaces the usual ids by itself. */
  pattern?(path: string): string;
  /** Who sent it, for the Retry-After windows; by default the remote address. */
  client?(request: SimRequest): string;
}
