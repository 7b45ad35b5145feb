/** Whose keys: of the host (they open every function), or of one function by name. */
export type KeyScope = { of: "host" } | { of: "function"; name: string };

/** A key by its name. */
export interface NamedKey {
  name: string;
  value: string;
}

/** Named keys that hosts of one app share and that change while they run, as the real host's in its blob container. Names ignore case. */
export interface KeyStore {
  list(scope: KeyScope): Promise<readonly NamedKey[]>;
  /** True: there was no key of this name before. */
  put(scope: KeyScope, key: NamedKey): Promise<boolean>;
  /** False: there is no such key. */
  remove(scope: KeyScope, name: string): Promise<boolean>;
}

/** Where the keys of a scope are kept; two spellings of a function's name are the same function. */
export function placeOf(scope: KeyScope): string {
  return scope.of === "host" ? "host" : `function-${scope.name.toLowerCase()}`;
}
