// What is in force, written as an author wrote it: where both say the same, the author's words stay, with what they leave out, their order and their
// placeholders. Pure.

import { type Difference, ofParts, partsOf, pathBelow } from "../../shared/mapping/differences.js";
import { placeholderIn } from "./placeholders.js";

/** `inForce` where `differences`, of the two, names a place or something below it; `local` everywhere else. */
export function mergeDocument(inForce: unknown, local: unknown, differences: readonly Difference[]): unknown {
  const paths = [
    ...differences.map(({ path }) => path),
    ...(fieldOrder(inForce) === fieldOrder(local) ? [] : ["fields"]),
  ];
  const differs = (place: string): boolean => paths.some((path) => isAtOrBelow(path, place));
  const merge = (theirs: unknown, ours: unknown, path: string): unknown => {
    if (!differs(path)) return ours;
    const [from, to] = [partsOf(theirs), partsOf(ours)];
    if (!from || from.kind !== to?.kind || placeholderIn(ours) !== undefined) return theirs;
    // Fields stand in the order in which they are in force, properties in the author's.
    const names = from.kind === "object" ? [...to.parts.keys(), ...from.parts.keys()] : [...from.parts.keys()];
    const parts = new Map<string, unknown>();
    for (const name of new Set(names)) {
      const part = merge(from.parts.get(name), to.parts.get(name), pathBelow(path, from.kind, name));
      if (part !== undefined) parts.set(name, part);
    }
    return ofParts({ kind: from.kind, parts });
  };
  return merge(inForce, local, "");
}

/** Which order they stand in is no difference by itself, but it counts in what a record is compared by. */
function fieldOrder(document: unknown): string {
  const fields = partsOf(partsOf(document)?.parts.get("fields"));
  return JSON.stringify([...(fields?.parts.keys() ?? [])]);
}

function isAtOrBelow(path: string, place: string): boolean {
  return place === "" || path === place || path.startsWith(`${place}.`) || path.startsWith(`${place}[`);
}
