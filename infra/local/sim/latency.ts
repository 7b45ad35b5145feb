import { z } from "zod";
import { makeRequestMatcher } from "./path-pattern.js";

const spanSchema = z.union([z.number().min(0), z.tuple([z.number().min(0), z.number().min(0)])]);

/** Milliseconds an answer takes: one number or [least, most] for all, or per "METHOD glob", first match wins (`"* **"` = the rest). */
export const latencySchema = z.union([spanSchema, z.record(z.string().regex(/^(\*|[A-Z]+) \S+$/), spanSchema)]);
export type LatencyRules = z.infer<typeof latencySchema>;

/** Compiles the rules to the latency of one request, drawn with `random` where a rule is a span. */
export function makeLatency(
  rules: LatencyRules,
  random: () => number,
): (method: string, path: string, search: string) => number {
  const entries =
    typeof rules === "number" || Array.isArray(rules) ? [["* **", rules] as const] : Object.entries(rules);
  const compiled = entries.map(([on, span]) => ({ matches: makeRequestMatcher(on), span }));
  return (method, path, search) => {
    const span = compiled.find(({ matches }) => matches(method, path, search))?.span ?? 0;
    return typeof span === "number" ? span : span[0] + (span[1] - span[0]) * random();
  };
}
