// Where two documents of one table differ, for people: by path, value by value. Pure. Whether it matters to records is compile.ts's hash.

/** A value that differs; a side that has nothing there is left out. */
export interface Difference {
  path: string;
  from?: unknown;
  to?: unknown;
}

/**
 * All values that differ, in the order of the documents. Fields are told apart by their target, so that one put in between does not make all that follow
 * differ; the order of fields counts for nothing.
 */
export function differencesOf(from: unknown, to: unknown, path = ""): Difference[] {
  if (isSame(from, to)) return [];
  const [before, after] = [partsOf(from), partsOf(to)];
  if (!before || !after || before.kind !== after.kind) {
    return [{ path, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }];
  }
  const names = new Set([...before.parts.keys(), ...after.parts.keys()]);
  return [...names].flatMap((name) =>
    differencesOf(before.parts.get(name), after.parts.get(name), pathBelow(path, before.kind, name)),
  );
}

/** A value's parts by name: a property's, `[<target>]` of a field, `[<index>]` in any other list. */
export interface Parts {
  kind: "object" | "list" | "fields";
  parts: ReadonlyMap<string, unknown>;
}

/** What a value is made of; undefined: it has no parts. */
export function partsOf(value: unknown): Parts | undefined {
  if (Array.isArray(value)) {
    const targets = value.map(targetOf);
    const isFields = value.length > 0 && !targets.includes(undefined) && new Set(targets).size === targets.length;
    const name = (index: number): string => (isFields ? `[${targets[index]}]` : `[${index}]`);
    return { kind: isFields ? "fields" : "list", parts: new Map(value.map((one, index) => [name(index), one])) };
  }
  if (typeof value !== "object" || value === null) return undefined;
  return { kind: "object", parts: new Map(Object.entries(value)) };
}

function targetOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("target" in value)) return undefined;
  return typeof value.target === "string" ? value.target : undefined;
}

/** The value that has these parts. */
export function ofParts({ kind, parts }: Parts): unknown {
  return kind === "object" ? Object.fromEntries(parts) : [...parts.values()];
}

/** The path of a part. */
export function pathBelow(path: string, kind: Parts["kind"], name: string): string {
  return kind === "object" && path !== "" ? `${path}.${name}` : path + name;
}

/** Equal as JSON, whatever the order of properties. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [Object.entries(a), new Map(Object.entries(b))];
  return left.length === right.size && left.every(([name, value]) => right.has(name) && isSame(value, right.get(name)));
}
