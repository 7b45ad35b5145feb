import type { Checkpoint } from "../storage/checkpoints.js";

/** Name of a sum in a checkpoint: a property name takes no hyphen. */
export function sumOf(name: string): string {
  return `n_${name.replaceAll("-", "_")}`;
}

/** Those sums of a checkpoint that grow by these counts, as they are then. */
export function grownSums(
  values: Checkpoint["values"],
  counts: Readonly<Record<string, number>>,
): Record<string, number> {
  const grown = Object.entries(counts).filter(([, count]) => count > 0);
  return Object.fromEntries(grown.map(([name, count]) => [sumOf(name), Number(values[sumOf(name)] ?? 0) + count]));
}

/** The sums of a checkpoint: those of these names, 0 where there is none yet, and all others. */
export function sumsOf<Name extends string>(
  values: Checkpoint["values"],
  names: readonly Name[],
): { sums: Record<Name, number>; others: Record<string, number> } {
  const known = new Set<string>(names.map(sumOf));
  const others = Object.entries(values).filter(([name]) => name.startsWith(sumOf("")) && !known.has(name));
  return {
    sums: Object.fromEntries(names.map((name) => [name, Number(values[sumOf(name)] ?? 0)])) as Record<Name, number>,
    others: Object.fromEntries(
      others.map(([name, count]) => [name.slice(sumOf("").length).replaceAll("_", "-"), Number(count)]),
    ),
  };
}
