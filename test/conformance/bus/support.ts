import {
  isServiceBusError,
  ServiceBusClient,
  type ServiceBusClientOptions,
  type ServiceBusMessage,
  type ServiceBusReceivedMessage,
} from "@azure/service-bus";
import { onTestFinished } from "vitest";
import { type Broker, type BrokerOptions, startBroker } from "../../../infra/local/bus/broker.js";
import type { QueueSettings } from "../../../infra/local/bus/core/queue-options.js";
import { type ManualClock, makeManualClock } from "../../unit/local/bus/manual-clock.js";

/** A broker with a client, both gone when the test is over. */
export interface TestBus {
  readonly broker: Broker;
  readonly client: ServiceBusClient;
  /** The broker's clock; the client's own timers are real. */
  readonly clock: ManualClock;
  /** One more client with a connection of its own. */
  connect(options?: ServiceBusClientOptions): ServiceBusClient;
  /** Closes clients and broker before the test is over. */
  end(): Promise<void>;
  send(queue: string, ...messages: ServiceBusMessage[]): Promise<void>;
}

const impatient: ServiceBusClientOptions = { retryOptions: { maxRetries: 2, retryDelayInMs: 50, timeoutInMs: 3000 } };

/** Starts a broker on a free port. Its clock stands still unless told to advance. */
export async function openBus(queues: QueueSettings[], options: Partial<BrokerOptions> = {}): Promise<TestBus> {
  const clock = makeManualClock(Date.now());
  const broker = await startBroker({ port: 0, queues, clock, ...options });
  const clients: ServiceBusClient[] = [];
  const connect = (clientOptions?: ServiceBusClientOptions): ServiceBusClient => {
    const client = new ServiceBusClient(broker.connectionString, { ...impatient, ...clientOptions });
    clients.push(client);
    return client;
  };
  const end = async (): Promise<void> => {
    // Clients first: one that is still connected would try to reconnect and keep the process alive.
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await broker.close();
  };
  onTestFinished(end);
  const client = connect();
  return {
    broker,
    client,
    clock,
    connect,
    end,
    async send(queue, ...messages) {
      const sender = client.createSender(queue);
      for (const message of messages) await sender.sendMessages(message);
      await sender.close();
    },
  };
}

/** Renewing by itself is what the client does unless told not to; tests of lost locks must tell it. */
export const noRenewal = { maxAutoLockRenewalDurationInMs: 0 } as const;

/** Bodies in order. */
export const bodies = (messages: readonly ServiceBusReceivedMessage[]): unknown[] => messages.map(({ body }) => body);

/** The code of the Service Bus error a promise fails with; "none" when it does not fail. */
export async function errorCode(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return isServiceBusError(error) ? error.code : String(error);
  }
}

/** The message of the error a promise fails with. */
export async function errorMessage(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Waits until `condition` holds; fails after two seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 2000;
  while (!condition()) {
    if (Date.now() > end) throw new Error("What was waited for did not happen within two seconds");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The only message of a list; fails when there are none or several. */
export function only<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined || items.length !== 1) throw new Error(`expected one item, got ${items.length}`);
  return item;
}
