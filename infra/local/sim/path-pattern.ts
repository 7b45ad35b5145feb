// Patterns over request paths: the globs of faults and latencies, and the pattern a request is counted under.

const SPECIAL = /[.+^${}()|[\]\\]/g;

const toRegex = (glob: string, star: string): string =>
  glob
    .split("**")
    .map((part) => part.replace(SPECIAL, "\\$&").replaceAll("?", "\\?").replaceAll("*", star))
    .join(".*");

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/**
 * Makes a test for "METHOD glob" (method `*` = any). The glob has to match the end of the decoded path: `*` stands for anything
 * within one segment, `**` for anything. A glob with `?` is also held against the decoded query, where `*` stands for anything.
 */
export function makeRequestMatcher(on: string): (method: string, path: string, search: string) => boolean {
  const space = on.indexOf(" ");
  const method = on.slice(0, space);
  const [pathGlob = "", ...queryGlob] = on.slice(space + 1).split("?");
  const pathRegex = new RegExp(`${toRegex(pathGlob, "[^/]*")}$`);
  const queryRegex = queryGlob.length > 0 ? new RegExp(`^${toRegex(queryGlob.join("?"), ".*")}$`) : undefined;
  return (sentMethod, path, search) =>
    (method === "*" || method === sentMethod) &&
    pathRegex.test(decode(path)) &&
    (queryRegex === undefined || queryRegex.test(decode(search.replaceAll("+", " "))));
}

/** Makes a test for a glob over a whole name, in any case; `*` stands for anything. For what is named by no path, e.g. a queue. */
export function makeNameMatcher(glob: string): (name: string) => boolean {
  const regex = new RegExp(`^${toRegex(glob, ".*")}$`, "i");
  return (name) => regex.test(name);
}

/** The path with whatever looks like an id replaced by `*`: `/contacts(223f05ea-…)` → `/contacts(*)`, `/profile/@x1` → `/profile/*`. */
export function toPathPattern(path: string): string {
  return decode(path)
    .replace(/\([^()/]+=[^()]*\)|\([0-9a-f-]{36}\)/gi, "(*)")
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, "*")
    .replace(/\/@[^/]+/g, "/*")
    .replace(/\/\d{3,}(?=\/|$)/g, "/*");
}
