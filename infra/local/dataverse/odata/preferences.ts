/** The Prefer header of a request, read. */
export interface Preferences {
  representation: boolean;
  maxPageSize: number | undefined;
  trackChanges: boolean;
  continueOnError: boolean;
  respondAsync: boolean;
  /** Whether an annotation, named with its namespace, was asked for. */
  wantsAnnotation(name: string): boolean;
  /** Annotations in any number were asked for. */
  annotations: boolean;
  applied: string[];
}

const toRegex = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`);

/** Reads Prefer: preferences separated by commas, the annotations' own commas inside quotes. */
export function readPreferences(header: string | undefined): Preferences {
  const given = new Map<string, string>();
  for (const part of header?.match(/(?:[^,"]|"[^"]*")+/g) ?? []) {
    const [name = "", value = ""] = part.trim().split(/=(.*)/s);
    given.set(name.trim().toLowerCase(), value.trim().replaceAll('"', ""));
  }
  const patterns = (given.get("odata.include-annotations") ?? "").split(",").filter(Boolean);
  const regexes = patterns.map((pattern) => toRegex(pattern));
  const pageSize = Number(given.get("odata.maxpagesize"));
  return {
    representation: given.get("return") === "representation",
    maxPageSize: Number.isInteger(pageSize) && pageSize > 0 ? pageSize : undefined,
    trackChanges: given.has("odata.track-changes"),
    continueOnError: given.has("odata.continue-on-error"),
    respondAsync: given.has("respond-async"),
    wantsAnnotation: (name) => regexes.some((regex) => regex.test(name)),
    annotations: regexes.length > 0,
    applied: [
      ...(given.get("return") === "representation" ? ["return=representation"] : []),
      ...(given.has("odata.include-annotations") ? [`odata.include-annotations="${patterns.join(",")}"`] : []),
      ...(Number.isInteger(pageSize) && pageSize > 0 ? [`odata.maxpagesize=${pageSize}`] : []),
      ...(given.has("odata.track-changes") ? ["odata.track-changes"] : []),
    ],
  };
}
