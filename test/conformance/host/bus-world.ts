// A broker with the queues of the `bus` fixture app, a client, and hosts that run some of its triggers; new for every test.
import { ServiceBusClient, type ServiceBusMessage } from "@azure/service-bus";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type Broker, startBroker } from "../../../infra/local/bus/broker.js";
import { buildApp, removeApps } from "./apps.js";
import { type HostLog, startTestHost } from "./hosts.js";

const TRIGGERS = ["lane", "plain", "manual", "batch", "laneBatch", "relay"];
const lockDurationMs = 1_000;
const hostJson = {
  version: "2.0",
  extensions: {
    serviceBus: {
      maxConcurrentSessions: 4,
      sessionIdleTimeout: "00:00:00.300",
      maxConcurrentCalls: 2,
      clientRetryOptions: { tryTimeout: "00:00:02", delay: "00:00:00.050", maxDelay: "00:00:00.200" },
    },
  },
};

/** The bus of the running test. */
export interface BusWorld {
  readonly broker: Broker;
  /** May be replaced. */
  client: ServiceBusClient;
  /** A host that runs only the named triggers, with more app settings. */
  startHost(triggers: string[], env?: Record<string, string>): Promise<{ log: HostLog; url: string }>;
  stopHost(): Promise<void>;
  send(queue: string, ...messages: ServiceBusMessage[]): Promise<void>;
  /** Starts the broker again on its old port, empty, with a new client. */
  restartBroker(): Promise<void>;
}

/** Registers the hooks; the world is there from the first test on. */
export function useBusWorld(): BusWorld {
  let appDir: string;
  let broker: Broker;
  let client: ServiceBusClient;
  let closeHost: (() => Promise<void>) | undefined;

  const start = async (port: number): Promise<void> => {
    broker = await startBroker({
      port,
      queues: [
        { name: "lanes", requiresSession: true, maxDeliveryCount: 3, lockDurationMs },
        { name: "lane-batch", requiresSession: true, lockDurationMs },
        ...["plain", "manual", "batch", "relay", "second"].map((name) => ({
          name,
          maxDeliveryCount: 3,
          lockDurationMs,
        })),
      ],
    });
    client = new ServiceBusClient(broker.connectionString);
  };
  const world: BusWorld = {
    get broker() {
      return broker;
    },
    get client() {
      return client;
    },
    set client(next) {
      client = next;
    },
    startHost: async (triggers, env = {}) => {
      const others = TRIGGERS.filter((name) => !triggers.includes(name));
      const disabled = Object.fromEntries(others.map((name) => [`AzureWebJobs.${name}.Disabled`, "true"]));
      const settings = { BUS: broker.connectionString, LANES: "lanes", ...disabled, ...env };
      const host = await startTestHost({ appDir, env: settings });
      closeHost = host.close;
      return host;
    },
    stopHost: async () => closeHost?.(),
    send: async (queue, ...messages) => {
      const sender = client.createSender(queue);
      await sender.sendMessages(messages);
      await sender.close();
    },
    restartBroker: async () => {
      await start(broker.port);
    },
  };

  beforeAll(async () => {
    appDir = await buildApp("bus", { hostJson });
  });
  beforeEach(() => start(0));
  afterEach(async () => {
    await closeHost?.();
    closeHost = undefined;
    await client.close();
    await broker.close();
  });
  afterAll(removeApps);
  return world;
}

/** Resolves when the function has logged that it is done with this message. */
export function untilDone(log: HostLog, name: string, body: unknown): Promise<unknown> {
  return log.until((entry) => entry.function === name && entry.message === JSON.stringify({ done: body }));
}

/** What the function has logged it got, in order. */
export function gotBy<T>(log: HostLog, name: string): { got: T; metadata: Record<string, unknown> }[] {
  return log
    .said(name)
    .filter((said): said is { got: T; metadata: Record<string, unknown> } => Object.hasOwn(said as object, "got"));
}
