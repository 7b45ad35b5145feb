// What differs from environment to environment stands in a document as { "$env": "name" }, in place of any value. Pure. The shape of a mapping has no property
// of that name; only a replacement of the very text "$env" and of nothing else would be taken for one.

import { ofParts, partsOf } from "../../shared/mapping/differences.js";
import type { EnvironmentValues } from "./environments.js";

/** Something about a document, by its path. */
export interface DocumentProblem {
  path: string;
  problem: string;
  fix: string;
}

/** A document without placeholders; `problems`: those that this environment has no value for. `used`: names that it has used. */
export interface Resolved {
  document: unknown;
  problems: readonly DocumentProblem[];
  used: ReadonlySet<string>;
}

/** Puts the environment's values in. */
export function resolvePlaceholders(document: unknown, values: EnvironmentValues): Resolved {
  const problems: DocumentProblem[] = [];
  const used = new Set<string>();
  const resolve = (value: unknown, path: string): unknown => {
    const name = placeholderIn(value);
    if (name === undefined) return mapParts(value, (part, key) => resolve(part, below(path, key)));
    used.add(name);
    if (Object.hasOwn(values, name)) return values[name];
    problems.push({
      path,
      problem: `the environment has no value ${name}`,
      fix: "add it under values, or correct the name",
    });
    return value;
  };
  return { document: resolve(document, ""), problems, used };
}

/** `document` with the placeholders that `local` has, wherever the value is still this environment's. Fields are found by their target. */
export function restorePlaceholders(document: unknown, local: unknown, values: EnvironmentValues): unknown {
  const name = placeholderIn(local);
  if (name !== undefined) return JSON.stringify(values[name]) === JSON.stringify(document) ? local : document;
  const [theirs, ours] = [partsOf(document), partsOf(local)];
  if (!theirs || theirs.kind !== ours?.kind) return document;
  const restored = [...theirs.parts].map(
    ([part, value]) => [part, restorePlaceholders(value, ours.parts.get(part), values)] as const,
  );
  return ofParts({ kind: theirs.kind, parts: new Map(restored) });
}

/** Places where a value of `from` stands that `to` has otherwise, though no placeholder says so. */
export function strayValues(document: unknown, from: EnvironmentValues, to: EnvironmentValues): DocumentProblem[] {
  const found: DocumentProblem[] = [];
  const look = (value: unknown, path: string): unknown => {
    for (const [name, own] of Object.entries(from)) {
      const isStray = typeof own === "string" && own === value && JSON.stringify(to[name]) !== JSON.stringify(own);
      if (isStray) {
        const fix = `write { "$env": "${name}" } there, if it is meant`;
        found.push({ path, problem: `holds the value ${name} of the environment it comes from`, fix });
      }
    }
    return mapParts(value, (part, key) => look(part, below(path, key)));
  };
  look(document, "");
  return found;
}

/** The name of the value that a placeholder stands for; undefined: it is none. */
export function placeholderIn(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("$env" in value)) return undefined;
  return Object.keys(value).length === 1 && typeof value.$env === "string" ? value.$env : undefined;
}

/** A copy with each part changed; what has no parts stays as it is. */
function mapParts(value: unknown, change: (part: unknown, key: string | number) => unknown): unknown {
  if (Array.isArray(value)) return value.map((part, index) => change(part, index));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, change(part, key)]));
}

function below(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return path === "" ? key : `${path}.${key}`;
}
