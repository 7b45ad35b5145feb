// What was asked of a simulator: the last requests, and counts of all. Bounded; holds neither headers nor bodies.
import { toPathPattern } from "./path-pattern.js";

const MAX_PATTERNS = 1000;

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
  summary(filter?: { method?: string; path?: string; limit?: number }): object;
  clear(): void;
}

/** Makes a log of the last `keep` requests. Counts go by method and path with ids replaced (`pattern`). */
export function makeRequestLog(options: { keep?: number; pattern?: (path: string) => string } = {}): RequestLog {
  const keep = options.keep ?? 1000;
  const pattern = options.pattern ?? toPathPattern;
  let last: LoggedRequest[] = [];
  let total = 0;
  let insideRetryAfter = 0;
  let counts = new Map<
    string,
    { count: number; status: Record<string, number>; insideRetryAfter: number; ms: number }
  >();
  let waits = new Map<string, number>();

  const countOf = (entry: LoggedRequest) => {
    const exact = `${entry.method} ${pattern(entry.path.split("?", 1)[0] ?? "")}`;
    const key = counts.has(exact) || counts.size < MAX_PATTERNS ? exact : "(other)";
    const count = counts.get(key) ?? { count: 0, status: {}, insideRetryAfter: 0, ms: 0 };
    counts.set(key, count);
    return count;
  };

  return {
    waitLeftMs: (client, nowMs) => Math.max(0, (waits.get(client) ?? 0) - nowMs),
    toldToWait(client, retryAfter, nowMs) {
      const seconds = Number(retryAfter);
      const until = Number.isNaN(seconds) ? Date.parse(retryAfter) : nowMs + seconds * 1000;
      if (Number.isNaN(until)) return;
      if (waits.size >= MAX_PATTERNS) waits.clear();
      waits.set(client, Math.max(until, waits.get(client) ?? 0));
    },
    add(entry) {
      total += 1;
      last.push(entry);
      if (last.length >= keep * 2) last = last.slice(-keep);
      const count = countOf(entry);
      count.count += 1;
      count.ms += entry.ms;
      count.status[entry.status] = (count.status[entry.status] ?? 0) + 1;
      if (entry.insideRetryAfterMs !== undefined) {
        insideRetryAfter += 1;
        count.insideRetryAfter += 1;
      }
    },
    summary({ method, path, limit = 100 } = {}) {
      const requests = last
        .slice(-keep)
        .filter((entry) => (!method || entry.method === method) && (!path || entry.path.includes(path)));
      return {
        total,
        insideRetryAfter,
        counts: Object.fromEntries(
          [...counts].map(([key, { ms, ...rest }]) => [
            key,
            { ...rest, meanMs: Math.round((ms / rest.count) * 10) / 10 },
          ]),
        ),
        requests: limit > 0 ? requests.slice(-limit) : [],
      };
    },
    clear() {
      last = [];
      total = 0;
      insideRetryAfter = 0;
      counts = new Map();
      waits = new Map();
    },
  };
}
