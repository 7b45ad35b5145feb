// host.json: what this host honours, what it accepts without effect, and what it refuses. Strict: an unknown setting is a problem.
import { availableParallelism } from "node:os";
import { z } from "zod";
import type { Environment } from "./app-settings.js";
import { HostRefusal } from "./host-refusal.js";
import { parseTimeSpan } from "./time-span.js";

const timeSpan = z.string().transform((text, context) => {
  const ms = parseTimeSpan(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: "custom", message: `"${text}" is not a time span such as 00:05:00` });
  return z.NEVER;
});
const positiveTimeSpan = timeSpan.refine((ms) => ms > 0, "must be longer than zero");
const count = z.int().min(1);
const countOrUnlimited = z.int().refine((value) => value === -1 || value > 0, "must be -1 (no limit) or above 0");

/** A setting that the real host has and this one does not imitate: only the value without effect is let through. */
const only = <T extends string | number | boolean>(value: T, why: string) =>
  z.literal(value, { error: `only ${JSON.stringify(value)} here: ${why}` });
const refused = (why: string) => z.never({ error: why }).optional();

const oldLayout = (name: string, instead: string) =>
  refused(`${name} is the old layout (extension 4.x and before), silently ignored by 5.x: use ${instead}`);

const httpSchema = z.strictObject({
  routePrefix: z.string().default("api"),
  maxOutstandingRequests: countOrUnlimited.default(-1),
  maxConcurrentRequests: countOrUnlimited.default(-1),
  dynamicThrottlesEnabled: only(false, "throttling by machine load is not imitated").default(false),
  customHeaders: z.record(z.string(), z.string()).default({}),
  hsts: z.strictObject({ isEnabled: only(false, "there is no HTTPS here") }).optional(),
});

const retrySchema = z.strictObject({
  mode: z.enum(["exponential", "fixed", "Exponential", "Fixed"]).default("exponential"),
  tryTimeout: positiveTimeSpan.default(60_000),
  delay: positiveTimeSpan.default(800),
  maxDelay: positiveTimeSpan.default(60_000),
  maxRetries: z.int().min(0).default(3),
});

const serviceBusSchema = z.strictObject({
  autoCompleteMessages: z.boolean().default(true),
  maxConcurrentCalls: count.default(16 * availableParallelism()),
  maxConcurrentSessions: count.default(8),
  maxConcurrentCallsPerSession: count.default(1),
  prefetchCount: only(0, "the JavaScript client has no prefetch").default(0),
  maxAutoLockRenewalDuration: timeSpan.default(300_000),
  maxMessageBatchSize: count.default(1000),
  minMessageBatchSize: count.default(1),
  maxBatchWaitTime: positiveTimeSpan.default(30_000),
  sessionIdleTimeout: positiveTimeSpan.optional(),
  clientRetryOptions: retrySchema.prefault({}),
  transportType: z.enum(["amqpTcp", "AmqpTcp"], { error: "only amqpTcp here: no web sockets" }).optional(),
  enableCrossEntityTransactions: only(false, "transactions are not imitated").default(false),
  sessionHandlerOptions: oldLayout("sessionHandlerOptions", "maxConcurrentSessions and its neighbours"),
  messageHandlerOptions: oldLayout("messageHandlerOptions", "maxConcurrentCalls and its neighbours"),
  batchOptions: oldLayout("batchOptions", "maxMessageBatchSize and its neighbours"),
});

const hostJsonSchema = z.strictObject({
  version: z.literal("2.0"),
  functionTimeout: z
    .union([z.literal(["-1", -1]).transform(() => Number.POSITIVE_INFINITY), positiveTimeSpan])
    .default(1_800_000),
  extensions: z.strictObject({ http: httpSchema.prefault({}), serviceBus: serviceBusSchema.prefault({}) }).prefault({}),
  // Accepted without effect: bindings are built in, nothing is sent to Application Insights.
  extensionBundle: z.unknown().optional(),
  telemetryMode: z.string().optional(),
  logging: z
    .looseObject({
      logLevel: z
        .record(z.string(), z.enum(["Trace", "Debug", "Information", "Warning", "Error", "Critical", "None"]))
        .default({}),
    })
    .prefault({}),
  concurrency: z
    .strictObject({
      dynamicConcurrencyEnabled: only(false, "dynamic concurrency is not imitated").default(false),
      snapshotPersistenceEnabled: z.boolean().optional(),
    })
    .optional(),
  singleton: z.strictObject({ listenerLockPeriod: positiveTimeSpan.optional() }).prefault({}),
});

/** host.json with defaults filled in; every time in milliseconds, `functionTimeout` Infinity when there is no limit. */
export type HostJson = z.output<typeof hostJsonSchema>;
/** The `extensions.serviceBus` part of HostJson. */
export type ServiceBusOptions = HostJson["extensions"]["serviceBus"];
/** The `extensions.http` part of HostJson. */
export type HttpOptions = HostJson["extensions"]["http"];

const OVERRIDE = "AzureFunctionsJobHost__";

/**
 * Reads a host.json (already parsed from JSON) with the overrides `AzureFunctionsJobHost__a__b` of the environment on top.
 * Throws HostRefusal listing every setting that is unknown, old, out of range or not imitated (facts/azure-local.md §2).
 */
export function parseHostJson(content: unknown, environment: Environment = {}): HostJson {
  const parsed = hostJsonSchema.safeParse(withOverrides(content, environment));
  if (parsed.success) return parsed.data;
  throw new HostRefusal(parsed.error.issues.flatMap(describe));
}

function describe(issue: z.core.$ZodIssue): string[] {
  const at = (path: readonly PropertyKey[]): string => `host.json ${path.map(String).join(".") || "(whole file)"}`;
  if (issue.code !== "unrecognized_keys") return [`${at(issue.path)}: ${issue.message}`];
  return issue.keys.map((key) => `${at([...issue.path, key])}: not imitated by the local host, remove it`);
}

function withOverrides(content: unknown, environment: Environment): unknown {
  const overrides = Object.entries(environment).filter(([name]) => name.startsWith(OVERRIDE));
  if (overrides.length === 0 || typeof content !== "object" || content === null) return content;
  const copy = structuredClone(content) as Record<string, unknown>;
  for (const [name, value] of overrides) {
    const path = name.slice(OVERRIDE.length).split("__");
    const last = path.pop() ?? "";
    let target = copy;
    for (const step of path) {
      const existing = target[step];
      const next = typeof existing === "object" && existing !== null ? (existing as Record<string, unknown>) : {};
      target[step] = next;
      target = next;
    }
    target[last] = scalar(value ?? "");
  }
  return copy;
}

function scalar(text: string): string | number | boolean {
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d+$/.test(text) ? Number(text) : text;
}
