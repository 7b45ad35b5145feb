import { z } from "zod";

const milliseconds = z.number().min(0);
const spanSchema = z.union([milliseconds, z.tuple([milliseconds, milliseconds])], {
  error: "must be milliseconds or [least, most]",
});

/** Milliseconds an answer takes: one number or [least, most] for all, or per `on` as in faults, first match wins. */
export type LatencyRules = number | [number, number] | Record<string, number | [number, number]>;

/** The `on` of a rule about HTTP requests; `"* **"` = the rest. */
export const requestOnSchema = z.string().regex(/^(\*|[A-Z]+) \S+$/, 'must read "METHOD glob"');

/** Latency rules that can be changed while the stand-in runs. */
export interface Latency<Target extends unknown[]> {
  get(): LatencyRules;
  /** Reads and sets the rules; throws a ZodError when they cannot be read. */
  set(rules: unknown): void;
  /** Milliseconds the next occurrence takes, drawn where the rule is a span. */
  of(...target: Target): number;
}

/** Makes latency with `rules` to begin with; `matcherOf` reads the `on` of a rule. */
export function makeLatency<Target extends unknown[]>(options: {
  rules: LatencyRules;
  onSchema: z.ZodType<string, string>;
  random: () => number;
  matcherOf: (on: string) => (...target: Target) => boolean;
}): Latency<Target> {
  const { onSchema, random, matcherOf } = options;
  const ruleMap = z.record(onSchema, spanSchema);
  const isMap = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
  const compile = (rules: LatencyRules) =>
    typeof rules === "number" || Array.isArray(rules)
      ? [{ matches: () => true, span: rules }]
      : Object.entries(rules).map(([on, span]) => ({ matches: matcherOf(on), span }));
  let { rules } = options;
  let compiled = compile(rules);
  return {
    get: () => rules,
    set(value) {
      rules = (isMap(value) ? ruleMap : spanSchema).parse(value);
      compiled = compile(rules);
    },
    of(...target) {
      const span = compiled.find(({ matches }) => matches(...target))?.span ?? 0;
      return typeof span === "number" ? span : span[0] + (span[1] - span[0]) * random();
    },
  };
}
