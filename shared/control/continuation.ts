import { z } from "zod";
import { type Refusal, refuse } from "./answer.js";
import { parseJson } from "./parse-json.js";

const failurePlace = z.tuple([z.string().regex(/^ingress-[A-Za-z0-9_-]{1,200}$/), z.guid()]);

/** A place in a list as text that callers give back unread. */
export function toContinuation({ partition, row }: { partition: string; row: string }): string {
  return Buffer.from(JSON.stringify([partition, row])).toString("base64url");
}

/** The first `limit` items of a list, and the continuation that leads to the others, if there are any. */
export async function pageOf<Item extends { place: { partition: string; row: string } }>(
  items: AsyncIterable<Item>,
  limit: number,
): Promise<{ items: Item[]; continuation?: string }> {
  const found: Item[] = [];
  for await (const item of items) {
    const last = found.at(-1);
    // One more than fits shows that there is a next page.
    if (found.length === limit && last) return { items: found, continuation: toContinuation(last.place) };
    found.push(item);
  }
  return { items: found };
}

/** The place a continuation stands for: of failures, unless `place` says otherwise. What we never made is refused. */
export function readContinuation(
  text: string | undefined,
  path: string,
  place: z.ZodType<[string, string]> = failurePlace,
): { after: { partition: string; row: string } | undefined } | Refusal {
  if (text === undefined) return { after: undefined };
  const read = place.safeParse(parseJson(Buffer.from(text, "base64url").toString("utf8")));
  if (read.success) return { after: { partition: read.data[0], row: read.data[1] } };
  const problem = { path, problem: "is not one that this app gave", fix: "give the continuation of the answer before" };
  return refuse(400, "invalid-request", "the request is not right", [problem]);
}
