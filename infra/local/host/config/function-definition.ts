// What a registered function wants from the host: its trigger and outputs, checked against what is imitated. Starts nothing.
import { z } from "zod";
import type { BindingInfo, FunctionMetadata, RetryOptions } from "../worker/core-types.js";
import { type Environment, resolveSettings } from "./app-settings.js";
import { HostRefusal } from "./host-refusal.js";

const httpSchema = z.object({
  kind: z.literal("httptrigger").transform(() => "http" as const),
  name: z.string(),
  route: z.string().optional(),
  methods: z.array(z.string().transform((method) => method.toUpperCase())).default([]),
  authLevel: z.enum(["anonymous", "function", "admin"]).default("function"),
});

const timerSchema = z.object({
  kind: z.literal("timertrigger").transform(() => "timer" as const),
  name: z.string(),
  schedule: z.string(),
  runOnStartup: z.boolean().default(false),
  useMonitor: z.boolean().default(true),
});

const serviceBusSchema = z.object({
  kind: z.literal("servicebustrigger").transform(() => "serviceBus" as const),
  name: z.string(),
  queueName: z.string({ error: "topics and subscriptions are not imitated, only queues" }),
  connection: z.string({ error: "name the app setting that holds the connection string" }),
  isSessionsEnabled: z.boolean().default(false),
  cardinality: z.enum(["one", "many"]).default("one"),
  autoCompleteMessages: z.boolean().optional(),
  dataType: z.enum(["string", "binary"]).optional(),
  sdkBinding: z.literal(false, { error: "sdkBinding (preview) is not imitated" }).optional(),
});

const triggerSchema = z.discriminatedUnion("kind", [httpSchema, timerSchema, serviceBusSchema]);

const serviceBusOutputSchema = z.object({
  name: z.string(),
  queueName: z.string({ error: "topics are not imitated, only queues" }),
  connection: z.string({ error: "name the app setting that holds the connection string" }),
});

export type HttpTrigger = z.output<typeof httpSchema>;
export type TimerTrigger = z.output<typeof timerSchema>;
export type ServiceBusTrigger = z.output<typeof serviceBusSchema>;
/** A queue that gets what the function returns (`$return`) or sets on this output. */
export type ServiceBusOutput = z.output<typeof serviceBusOutputSchema>;

/** A function of the app as the host runs it. `disabled`: listed, never triggered. */
export interface FunctionDefinition {
  name: string;
  trigger: HttpTrigger | TimerTrigger | ServiceBusTrigger;
  outputs: ServiceBusOutput[];
  retry: RetryOptions | undefined;
  disabled: boolean;
}

/**
 * Definitions of all functions, `%SETTING%` resolved. Throws HostRefusal listing every binding that is not imitated or
 * cannot be resolved, with the function's name.
 */
export function defineFunctions(functions: Iterable<FunctionMetadata>, environment: Environment): FunctionDefinition[] {
  const problems: string[] = [];
  const definitions: FunctionDefinition[] = [];
  for (const metadata of functions) {
    try {
      definitions.push(defineFunction(metadata, environment));
    } catch (error) {
      if (!(error instanceof HostRefusal)) throw error;
      problems.push(...error.problems.map((problem) => `function ${metadata.name}: ${problem}`));
    }
  }
  if (problems.length > 0) throw new HostRefusal(problems);
  return definitions;
}

function defineFunction(metadata: FunctionMetadata, environment: Environment): FunctionDefinition {
  const bindings = Object.entries(metadata.bindings).map(([name, binding]) =>
    resolveBinding(name, binding, environment),
  );
  const triggers = bindings.filter((binding) => /trigger$/i.test(String(binding.type)));
  if (triggers.length !== 1) throw new HostRefusal([`has ${triggers.length} triggers, must have one`]);
  const trigger = parseTrigger(triggers[0] ?? {});
  if (metadata.retryOptions && trigger.kind !== "timer") {
    throw new HostRefusal(["retry is imitated for timers only (Service Bus: the queue's delivery count)"]);
  }
  const others = bindings.filter((binding) => !triggers.includes(binding));
  return {
    name: metadata.name,
    trigger,
    outputs: others.flatMap((binding) => parseOutput(binding)),
    retry: metadata.retryOptions,
    disabled: isDisabled(metadata.name, environment),
  };
}

function resolveBinding(name: string, binding: BindingInfo, environment: Environment): BindingInfo {
  const resolved = Object.entries(binding).map(([option, value]) => [
    option,
    typeof value === "string" && option !== "name" ? resolveSettings(value, environment, option) : value,
  ]);
  return { ...Object.fromEntries(resolved), name };
}

function parseTrigger(binding: BindingInfo): FunctionDefinition["trigger"] {
  const type = String(binding.type);
  const parsed = triggerSchema.safeParse({ ...binding, kind: type.toLowerCase() });
  if (parsed.success) return parsed.data;
  const unknown = parsed.error.issues.some((issue) => issue.path[0] === "kind");
  if (unknown) throw new HostRefusal([`trigger type ${type} is not imitated`]);
  throw new HostRefusal(parsed.error.issues.map((issue) => `${type} ${issue.path.join(".")}: ${issue.message}`));
}

function parseOutput(binding: BindingInfo): ServiceBusOutput[] {
  if (binding.direction === "out" && binding.type?.toLowerCase() === "http") return [];
  if (binding.direction !== "out" || binding.type?.toLowerCase() !== "servicebus") {
    throw new HostRefusal([`${binding.direction ?? ""} binding of type ${binding.type ?? "?"} is not imitated`]);
  }
  const parsed = serviceBusOutputSchema.safeParse(binding);
  if (parsed.success) return [parsed.data];
  throw new HostRefusal(parsed.error.issues.map((issue) => `output ${issue.path.join(".")}: ${issue.message}`));
}

function isDisabled(name: string, environment: Environment): boolean {
  const value = environment[`AzureWebJobs.${name}.Disabled`] ?? environment[`AzureWebJobs_${name}_Disabled`] ?? "";
  return value.toLowerCase() === "true" || value === "1";
}
