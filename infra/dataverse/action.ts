import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";

/**
 * One difference and how to remove it. `what` is for people: `create step acs-sync: Update of contact`; `details` are further lines of it. `about` names the
 * things that differ as their part does (part.ts).
 */
export interface Action {
  what: string;
  kind?: "create" | "change" | "remove";
  details?: readonly string[];
  about?: readonly string[];
  run(): Promise<void>;
}

/** The rows behind a path, read by a schema. `strong`: what was made a moment ago is to be seen (facts/dataverse.md §3). */
export async function list<T>(
  client: DataverseClient,
  operation: string,
  path: string,
  item: z.ZodType<T>,
  strong = false,
): Promise<T[]> {
  const headers = strong ? { consistency: "Strong" } : {};
  return z.object({ value: z.array(item) }).parse(await client.json({ operation, path, headers })).value;
}

const kinds = { POST: "create", PATCH: "change", DELETE: "remove" } as const;

/** The action that writes or deletes one row; `what` is also what an error calls it. */
export function change(
  client: DataverseClient,
  what: string,
  method: "POST" | "PATCH" | "DELETE",
  path: string,
  body?: Record<string, unknown>,
): Action {
  return {
    what,
    kind: kinds[method],
    run: async () => void (await client.call({ operation: what, method, path, ...(body && { body }) })),
  };
}

/** The same action, about these things. */
export function about(things: readonly string[] | string, action: Action): Action {
  return { ...action, about: [things].flat() };
}
