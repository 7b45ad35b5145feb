import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";

/** One difference and how to remove it. `what` is for people: `create step acs-sync: Update of contact`. */
export interface Action {
  what: string;
  run(): Promise<void>;
}

/** The rows behind a path, read by a schema. */
export async function list<T>(
  client: DataverseClient,
  operation: string,
  path: string,
  item: z.ZodType<T>,
): Promise<T[]> {
  return z.object({ value: z.array(item) }).parse(await client.json({ operation, path })).value;
}

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
    run: async () => void (await client.call({ operation: what, method, path, ...(body && { body }) })),
  };
}
