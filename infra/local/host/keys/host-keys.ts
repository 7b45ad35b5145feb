// Who may call: the keys of the app settings, and the named keys that come and go while the host runs (docs of Azure Functions, "Work with access
// keys"). How they are changed is http/key-routes.ts.

import { createHash, timingSafeEqual } from "node:crypto";
import type { HttpTrigger } from "../config/function-definition.js";
import { type KeyScope, type KeyStore, type NamedKey, placeOf } from "./key-store.js";

/** Name of the host key that setting LOCAL_FUNCTION_KEY holds. */
export const defaultKeyName = "default";

/** Who may call what. */
export interface HostKeys {
  /** Whether a request that shows `key` may call `functionName` of this level; the admin surface is of level admin and no function. */
  isAllowed(level: HttpTrigger["authLevel"], key: string | undefined, functionName?: string): Promise<boolean>;
  list(scope: KeyScope): Promise<readonly NamedKey[]>;
  /** True: the key is new. */
  put(scope: KeyScope, key: NamedKey): Promise<boolean>;
  /** False: there is no such key. */
  remove(scope: KeyScope, name: string): Promise<boolean>;
}

/** `function`, `master`: the keys of the app settings; absent: there is none. */
export interface HostKeyOptions {
  function: string | undefined;
  master: string | undefined;
  store: KeyStore;
  now?: () => number;
}

/** How long keys that another host changed may go unnoticed. */
const knownForMs = 1_000;

/**
 * Keys of one host, compared in constant time. Those of the settings need no store. While the store is away what was last read of it stands; what
 * was never read throws.
 */
export function makeHostKeys({ function: setting, master, store, now = Date.now }: HostKeyOptions): HostKeys {
  const known = new Map<string, { keys: readonly NamedKey[]; at: number }>();
  /** Own changes so far: what was read while one was made is not kept. */
  let changes = 0;

  const look = async (scope: KeyScope): Promise<readonly NamedKey[]> => {
    const [place, at, before] = [placeOf(scope), now(), changes];
    const last = known.get(place);
    if (last && at - last.at < knownForMs) return last.keys;
    try {
      const keys = await store.list(scope);
      if (before === changes) known.set(place, { keys, at });
      return keys;
    } catch (error) {
      if (!last) throw error;
      return last.keys;
    }
  };
  const changed = async (scope: KeyScope, change: () => Promise<boolean>): Promise<boolean> => {
    const outcome = await change();
    changes += 1;
    known.delete(placeOf(scope));
    return outcome;
  };

  return {
    async isAllowed(level, key, functionName) {
      if (level === "anonymous") return true;
      if (!key) return false;
      if (sameKey(key, master)) return true;
      if (level !== "function") return false;
      if (sameKey(key, setting)) return true;
      const own = functionName === undefined ? [] : await look({ of: "function", name: functionName });
      return [...own, ...(await look({ of: "host" }))].some(({ value }) => sameKey(key, value));
    },
    async list(scope) {
      const keys = await store.list(scope);
      return scope.of === "host" && setting ? [{ name: defaultKeyName, value: setting }, ...keys] : keys;
    },
    put: (scope, key) => changed(scope, () => store.put(scope, key)),
    remove: (scope, name) => changed(scope, () => store.remove(scope, name)),
  };
}

/** The key a request shows: header `x-functions-key`, else query `code`. */
export function shownKey(header: string | string[] | undefined, query: URLSearchParams): string | undefined {
  return (Array.isArray(header) ? header[0] : header) ?? query.get("code") ?? undefined;
}

function sameKey(shown: string, expected: string | undefined): boolean {
  if (!expected) return false;
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(shown), digest(expected));
}
