// The paging cookie inside $skiptoken: opaque to clients, who follow nextLink as it is.
import { badQuery } from "../errors.js";

/** Where the next page begins. */
export interface PagePosition {
  pageNumber: number;
  tracking: boolean;
  /** What only the reader that made it understands. */
  state: Record<string, unknown>;
}

/** The value of `$skiptoken`, not yet encoded for a URL; the inner cookie is encoded twice as the real one is. */
export function toSkipToken({ pageNumber, tracking, state }: PagePosition): string {
  const inner = `<cookie page="${pageNumber - 1}"><last state="${Buffer.from(JSON.stringify(state)).toString("base64url")}" /></cookie>`;
  const encoded = encodeURIComponent(encodeURIComponent(inner));
  return `<cookie pagenumber="${pageNumber}" pagingcookie="${encoded}" istracking="${tracking ? "True" : "False"}" />`;
}

/** Reads a `$skiptoken`. Throws 400 when it was made up or changed on the way. */
export function parseSkipToken(text: string): PagePosition {
  const outer = /^<cookie pagenumber="(\d+)" pagingcookie="([^"]*)" istracking="(True|False)" \/>$/.exec(text);
  try {
    const inner = decodeURIComponent(decodeURIComponent(outer?.[2] ?? ""));
    const state = /state="([^"]+)"/.exec(inner)?.[1];
    if (!outer || !state) throw new Error("no state");
    return {
      pageNumber: Number(outer[1]),
      tracking: outer[3] === "True",
      state: JSON.parse(Buffer.from(state, "base64url").toString("utf8")) as Record<string, unknown>,
    };
  } catch {
    throw badQuery("Malformed XML in the Paging Cookie");
  }
}

/** The query of a request with some options replaced, in the order they came; the rest stays as it was written. */
export function replaceOptions(search: string, replaced: Record<string, string | undefined>): string {
  const kept = search
    .split("&")
    .filter((part) => part !== "" && !(decodeURIComponent(part.split("=", 1)[0] ?? "") in replaced));
  const added = Object.entries(replaced).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return [...kept, ...added].join("&");
}
