import type { FailureStore } from "../storage/failures.js";

/** Counting goes no further than this: an operator wants to know whether it is none, some, or very many. */
export const mostCounted = 2_000;

/** How many failures are open, of these tables or of all. */
export async function countOpen(
  failures: FailureStore,
  tables: readonly (string | undefined)[] = [undefined],
): Promise<{ open: number; orMore: boolean }> {
  let open = 0;
  for (const table of tables) {
    for await (const _failure of failures.listFrom({ status: "open", table })) {
      open += 1;
      if (open === mostCounted) return { open, orMore: true };
    }
  }
  return { open, orMore: false };
}
