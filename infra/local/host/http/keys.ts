import { createHash, timingSafeEqual } from "node:crypto";
import type { HttpTrigger } from "../config/function-definition.js";

/** Keys of this host: `function` opens level function, `master` opens everything. Absent: that level stays shut. */
export interface HostKeys {
  function: string | undefined;
  master: string | undefined;
}

/** Whether a request that shows `key` may call a function of `level`; keys are compared in constant time. */
export function isAllowed(level: HttpTrigger["authLevel"], key: string | undefined, keys: HostKeys): boolean {
  if (level === "anonymous") return true;
  if (sameKey(key, keys.master)) return true;
  return level === "function" && sameKey(key, keys.function);
}

/** The key a request shows: header `x-functions-key`, else query `code`. */
export function shownKey(header: string | string[] | undefined, query: URLSearchParams): string | undefined {
  return (Array.isArray(header) ? header[0] : header) ?? query.get("code") ?? undefined;
}

function sameKey(shown: string | undefined, expected: string | undefined): boolean {
  if (!shown || !expected) return false;
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(shown), digest(expected));
}
