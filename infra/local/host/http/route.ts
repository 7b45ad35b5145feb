// Route templates of HTTP triggers: parse, match, and which of two is asked first. Pure.

/** A template ready to match; `order` sorts the more specific template first. */
export interface Route {
  /** Route values of `path` (segments still percent-encoded), or undefined. Names as in the template; literals ignore case. */
  match(path: string): Record<string, string> | undefined;
  order: string;
}

type Segment =
  | { kind: "literal"; text: string }
  | { kind: "parameter"; name: string; optional: boolean; constraints: readonly ((value: string) => boolean)[] }
  | { kind: "rest"; name: string };

/**
 * Parses a template such as `contacts/{id:int}/{view?}` or `files/{*path}`. Throws RangeError naming the part that cannot be
 * read or is not imitated (default values, several parameters in one segment, constraints beyond those listed below).
 */
export function parseRoute(template: string): Route {
  const segments = template
    .split("/")
    .filter((part) => part !== "")
    .map(parseSegment);
  const early = segments
    .slice(0, -1)
    .find((segment) => segment.kind === "rest" || (segment.kind === "parameter" && segment.optional));
  if (early) throw new RangeError(`route "${template}": an optional or catch-all parameter must come last`);
  return { match: (path) => matchSegments(segments, path), order: segments.map(rank).join("") };
}

function parseSegment(text: string): Segment {
  if (!/[{}]/.test(text)) return { kind: "literal", text: text.toLowerCase() };
  const rest = /^\{\*{1,2}(\w+)\}$/.exec(text);
  if (rest?.[1]) return { kind: "rest", name: rest[1] };
  const parameter = /^\{(\w+)((?::\w+(?:\([^)]*\))?)*)(\?)?\}$/.exec(text);
  if (!parameter?.[1]) throw new RangeError(`route part "${text}" is not imitated`);
  const constraints = (parameter[2] ?? "").split(":").filter(Boolean).map(parseConstraint);
  return { kind: "parameter", name: parameter[1], optional: parameter[3] === "?", constraints };
}

function parseConstraint(text: string): (value: string) => boolean {
  const [, name = "", argument = ""] = /^(\w+)(?:\((.*)\))?$/.exec(text) ?? [];
  const [first = Number.NaN, second = first] = argument.split(",").map(Number);
  const whole = /^-?\d+$/;
  switch (name) {
    case "int":
      return (value) => whole.test(value) && Math.abs(Number(value)) <= 2 ** 31;
    case "long":
      return (value) => whole.test(value);
    case "bool":
      return (value) => /^(true|false)$/i.test(value);
    case "alpha":
      return (value) => /^[a-z]*$/i.test(value);
    case "guid":
      return (value) => /^\{?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?$/i.test(value);
    case "minlength":
      return (value) => value.length >= first;
    case "maxlength":
      return (value) => value.length <= first;
    case "length":
      return (value) => value.length >= first && value.length <= second;
    case "min":
      return (value) => whole.test(value) && Number(value) >= first;
    case "max":
      return (value) => whole.test(value) && Number(value) <= first;
    case "range":
      return (value) => whole.test(value) && Number(value) >= first && Number(value) <= second;
    default:
      throw new RangeError(`route constraint "${text}" is not imitated`);
  }
}

function rank(segment: Segment): string {
  if (segment.kind === "literal") return "1";
  if (segment.kind === "rest") return "4";
  return segment.constraints.length > 0 ? "2" : "3";
}

function matchSegments(segments: readonly Segment[], path: string): Record<string, string> | undefined {
  const parts = path.split("/").filter((part) => part !== "");
  const values: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    if (segment.kind === "rest") {
      const rest = decode(parts.slice(index).join("/"));
      if (rest === undefined) return undefined;
      values[segment.name] = rest;
      return values;
    }
    const part = parts[index];
    if (part === undefined) {
      if (segment.kind === "parameter" && segment.optional) return values;
      return undefined;
    }
    const value = decode(part);
    if (value === undefined) return undefined;
    if (segment.kind === "literal") {
      if (value.toLowerCase() !== segment.text) return undefined;
    } else {
      if (!segment.constraints.every((holds) => holds(value))) return undefined;
      values[segment.name] = value;
    }
  }
  return parts.length === segments.length ? values : undefined;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
