// What was asked of a simulator: the last requests, and counts of all. Bounded; holds neither headers nor bodies.
import { addOne, makeCountedLog } from "./counted-log.js";
import { toPathPattern } from "./path-pattern.js";

const MAX_CLIENTS = 1000;

/** One request, after its answer. `status` 0 = the client never got one. */
export interface LoggedRequest {
  at: string;
  method: string;
  path: string;
  status: number;
  ms: number;
  client: string;
  /** Ids of the faults that struck it. */
  faults?: string[];
  /** Milliseconds the client should still have waited when it sent this. */
  insideRetryAfterMs?: number;
}

/** The log of one simulator. */
export interface RequestLog {
  /** To be called when a request arrives: how long its client was still told to wait, 0 = not at all. */
  waitLeftMs(client: string, nowMs: number): number;
  /** To be called for an answer with Retry-After (seconds, or an HTTP date). */
  toldToWait(client: string, retryAfter: string, nowMs: number): void;
  add(entry: LoggedRequest): void;
  summary(filter?: { method?: string | undefined; path?: string | undefined; limit?: number | undefined }): object;
  clear(): void;
}

/** Makes a log of the last `keep` requests. Counts go by method and path with ids replaced (`pattern`). */
export function makeRequestLog(options: { keep?: number; pattern?: (path: string) => string } = {}): RequestLog {
  const pattern = options.pattern ?? toPathPattern;
  let insideRetryAfter = 0;
  let waits = new Map<string, number>();
  const log = makeCountedLog({
    keep: options.keep,
    keyOf: ({ method, path }: LoggedRequest) => `${method} ${pattern(path.split("?", 1)[0] ?? "")}`,
    newExtra: () => ({ status: {} as Record<string, number>, insideRetryAfter: 0 }),
    count(extra, { status, insideRetryAfterMs }) {
      addOne(extra.status, status);
      if (insideRetryAfterMs === undefined) return;
      extra.insideRetryAfter += 1;
      insideRetryAfter += 1;
    },
  });

  return {
    waitLeftMs: (client, nowMs) => Math.max(0, (waits.get(client) ?? 0) - nowMs),
    toldToWait(client, retryAfter, nowMs) {
      const seconds = Number(retryAfter);
      const until = Number.isNaN(seconds) ? Date.parse(retryAfter) : nowMs + seconds * 1000;
      if (Number.isNaN(until)) return;
      if (waits.size >= MAX_CLIENTS) waits.clear();
      waits.set(client, Math.max(until, waits.get(client) ?? 0));
    },
    add: log.add,
    summary({ method, path, limit } = {}) {
      const shows = (entry: LoggedRequest): boolean =>
        (!method || entry.method === method) && (!path || entry.path.includes(path));
      const { total, ...rest } = log.summary(shows, limit);
      return { total, insideRetryAfter, ...rest };
    },
    clear() {
      log.clear();
      insideRetryAfter = 0;
      waits = new Map();
    },
  };
}
