// Service protection limits: per user, requests and execution time in a sliding window, and requests at once; facts/dataverse.md §7.
import { ODataError } from "./errors.js";
import type { Switches } from "./options.js";

const TWO_DIGITS = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** What one user used: by second of the window (oldest first), and in all of it. */
interface Usage {
  seconds: { second: number; requests: number; ms: number }[];
  requests: number;
  ms: number;
  inFlight: number;
  breaches: number;
}

/** The limits of an organisation. */
export interface ServiceProtection {
  /** Counts a request in; answers the 429, or what to call when it is over. */
  enter(user: string, nowMs: number): ODataError | ((endMs: number) => void);
  /** Headers for an answer to the user. */
  headers(user: string, nowMs: number): Record<string, string>;
  reset(): void;
}

/** Makes the limits; with the switch `limits` off they count but never refuse. */
export function makeServiceProtection(switches: Switches): ServiceProtection {
  const users = new Map<string, Usage>();

  const usageOf = (user: string, nowMs: number): Usage => {
    const usage = users.get(user) ?? { seconds: [], requests: 0, ms: 0, inFlight: 0, breaches: 0 };
    users.set(user, usage);
    const oldest = Math.floor(nowMs / 1000) - switches.limitWindowSeconds;
    for (let first = usage.seconds[0]; first && first.second <= oldest; first = usage.seconds[0]) {
      usage.seconds.shift();
      usage.requests -= first.requests;
      usage.ms -= first.ms;
    }
    return usage;
  };

  const use = (usage: Usage, nowMs: number, requests: number, ms: number): void => {
    const second = Math.floor(nowMs / 1000);
    let last = usage.seconds.at(-1);
    if (last?.second !== second) {
      last = { second, requests: 0, ms: 0 };
      usage.seconds.push(last);
    }
    last.requests += requests;
    last.ms += ms;
    usage.requests += requests;
    usage.ms += ms;
  };

  /** Seconds until the oldest use slides out of the window; more for every push in between. */
  const retryAfter = (usage: Usage, nowMs: number): number => {
    const oldest = usage.seconds[0]?.second ?? 0;
    const free = oldest + switches.limitWindowSeconds - Math.floor(nowMs / 1000);
    usage.breaches += 1;
    return Math.max(1, Math.min(free, switches.limitWindowSeconds)) + Math.min(usage.breaches - 1, 60);
  };

  const refuse = (code: string, message: string, seconds: number): ODataError =>
    new ODataError(429, code, message, { "retry-after": String(seconds) });

  return {
    enter(user, nowMs) {
      const usage = usageOf(user, nowMs);
      if (switches.limits === "on") {
        const window = `over time window of ${switches.limitWindowSeconds} seconds`;
        if (usage.requests >= switches.limitRequests) {
          return refuse(
            "0x80072322",
            `Number of requests exceeded the limit of ${switches.limitRequests} ${window}.`,
            retryAfter(usage, nowMs),
          );
        }
        if (usage.ms >= switches.limitExecutionMs) {
          const limit = switches.limitExecutionMs.toLocaleString("en-US");
          return refuse(
            "0x80072321",
            `Combined execution time of incoming requests exceeded limit of ${limit} milliseconds ${window}. Decrease number of concurrent requests or reduce the duration of requests and try again later.`,
            retryAfter(usage, nowMs),
          );
        }
        if (usage.inFlight >= switches.limitConcurrent) {
          usage.breaches += 1;
          return refuse(
            "0x80072326",
            `Number of concurrent requests exceeded the limit of ${switches.limitConcurrent}.`,
            Math.min(usage.breaches, 60),
          );
        }
        usage.breaches = 0;
      }
      usage.inFlight += 1;
      use(usage, nowMs, 1, 0);
      return (endMs) => {
        usage.inFlight -= 1;
        use(usage, endMs, 0, endMs - nowMs);
      };
    },
    headers(user, nowMs) {
      const usage = usageOf(user, nowMs);
      const leftSeconds = Math.max(0, switches.limitExecutionMs - usage.ms) / 1000;
      return {
        "x-ms-ratelimit-burst-remaining-xrm-requests": String(Math.max(0, switches.limitRequests - usage.requests)),
        "x-ms-ratelimit-time-remaining-xrm-requests": TWO_DIGITS.format(leftSeconds),
        "x-ms-dop-hint": String(switches.dopHint),
      };
    },
    reset: () => users.clear(),
  };
}
