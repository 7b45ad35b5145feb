// Connects the functions of one app to their queues: one client for each trigger, one for each connection used by outputs.
import type { ServiceBusClient } from "@azure/service-bus";
import type { Environment } from "../config/app-settings.js";
import type { FunctionDefinition, ServiceBusTrigger } from "../config/function-definition.js";
import type { ServiceBusOptions } from "../config/host-json.js";
import { HostRefusal } from "../config/host-refusal.js";
import type { Log } from "../log.js";
import type { Runner } from "../runner.js";
import { startBatchListener, startSessionBatchListener } from "./batch-listener.js";
import { makeBusHealth } from "./bus-health.js";
import { makeClient, readConnectionString } from "./connection.js";
import { makeDispatch } from "./dispatch.js";
import { makeOutputSender, type OutputSender } from "./outputs.js";
import { type BusListener, type BusListenerOptions, startQueueListener } from "./queue-listener.js";
import { startSessionListener } from "./session-listener.js";

/** The Service Bus side of a host. */
export interface ServiceBus {
  outputs: OutputSender;
  /** Begins to receive for every trigger that is not disabled. */
  start(runner: Runner): void;
  /** No further message is taken; resolves when those under way are settled. */
  stop(): Promise<void>;
  /** Drops all connections: sessions go back to the bus, what is not settled comes again. */
  disconnect(): Promise<void>;
}

export interface ServiceBusSetup {
  functions: readonly FunctionDefinition[];
  options: ServiceBusOptions;
  environment: Environment;
  includeEmpty: boolean;
  log: Log;
}

/** Prepares triggers and outputs; nothing is connected yet. Throws HostRefusal naming each connection that is not set. */
export function prepareServiceBus(setup: ServiceBusSetup): ServiceBus {
  const { functions, options, environment } = setup;
  const connectionStrings = readConnectionStrings(functions, environment);
  const clients: ServiceBusClient[] = [];
  const outputClients = new Map<string, ServiceBusClient>();
  let listeners: BusListener[] = [];

  const open = (connection: string, use: "trigger" | "output"): ServiceBusClient => {
    const client = makeClient(connectionStrings.get(connection) ?? "", options, use);
    clients.push(client);
    return client;
  };
  const outputClient = (connection: string): ServiceBusClient => {
    const client = outputClients.get(connection) ?? open(connection, "output");
    outputClients.set(connection, client);
    return client;
  };

  const startTrigger = (definition: FunctionDefinition, trigger: ServiceBusTrigger, runner: Runner): BusListener => {
    const autoComplete = trigger.autoCompleteMessages ?? options.autoCompleteMessages;
    const { includeEmpty, log } = setup;
    const listener: BusListenerOptions = {
      client: open(trigger.connection, "trigger"),
      queueName: trigger.queueName,
      options,
      dispatch: makeDispatch({ definition, trigger, autoComplete, includeEmpty, runner, log }),
      health: makeBusHealth(definition.name, log),
    };
    if (trigger.cardinality === "many") {
      return trigger.isSessionsEnabled ? startSessionBatchListener(listener) : startBatchListener(listener);
    }
    return trigger.isSessionsEnabled ? startSessionListener(listener) : startQueueListener(listener);
  };

  return {
    outputs: makeOutputSender(outputClient),
    start: (runner) => {
      listeners = functions.flatMap((definition) => {
        const { trigger } = definition;
        return trigger.kind === "serviceBus" && !definition.disabled ? [startTrigger(definition, trigger, runner)] : [];
      });
    },
    stop: async () => {
      await Promise.allSettled(listeners.map((listener) => listener.stop()));
    },
    disconnect: async () => {
      await Promise.allSettled(clients.map((client) => client.close()));
    },
  };
}

function readConnectionStrings(
  functions: readonly FunctionDefinition[],
  environment: Environment,
): Map<string, string> {
  const problems = new Set<string>();
  const strings = new Map<string, string>();
  for (const { trigger, outputs } of functions) {
    const used = [...(trigger.kind === "serviceBus" ? [trigger] : []), ...outputs];
    for (const { connection } of used) {
      try {
        strings.set(connection, readConnectionString(connection, environment));
      } catch (error) {
        if (!(error instanceof HostRefusal)) throw error;
        for (const problem of error.problems) problems.add(problem);
      }
    }
  }
  if (problems.size > 0) throw new HostRefusal([...problems]);
  return strings;
}
