import { RetryMode, type RetryOptions, ServiceBusClient } from "@azure/service-bus";
import type { Environment } from "../config/app-settings.js";
import type { ServiceBusOptions } from "../config/host-json.js";
import { HostRefusal } from "../config/host-refusal.js";

/**
 * The connection string in the app setting `name`. Throws HostRefusal when it is missing, or when the setting is of the
 * identity-based form, which has no local switch (facts/azure-local.md §1).
 */
export function readConnectionString(name: string, environment: Environment): string {
  const value = environment[name];
  if (value) return value;
  if (environment[`${name}__fullyQualifiedNamespace`]) {
    throw new HostRefusal([
      `${name}__fullyQualifiedNamespace: identity-based connections work in Azure only, set ${name} to a connection string`,
    ]);
  }
  throw new HostRefusal([`connection ${name}: set the app setting ${name} to a Service Bus connection string`]);
}

/** A trigger must not sleep for a minute after its bus came back: the client's own pauses are capped for it. */
const LONGEST_TRIGGER_PAUSE_MS = 5_000;

/** A client for triggers or outputs with the retries of host.json `clientRetryOptions`; opens its connection on first use. */
export function makeClient(
  connectionString: string,
  options: ServiceBusOptions,
  use: "trigger" | "output",
): ServiceBusClient {
  const { mode, tryTimeout, delay, maxDelay, maxRetries } = options.clientRetryOptions;
  const longest = use === "trigger" ? LONGEST_TRIGGER_PAUSE_MS : Number.POSITIVE_INFINITY;
  const retryOptions: RetryOptions = {
    mode: mode.toLowerCase() === "fixed" ? RetryMode.Fixed : RetryMode.Exponential,
    timeoutInMs: tryTimeout,
    retryDelayInMs: Math.min(delay, longest),
    maxRetryDelayInMs: Math.min(maxDelay, longest),
    maxRetries,
  };
  return new ServiceBusClient(connectionString, { retryOptions });
}
