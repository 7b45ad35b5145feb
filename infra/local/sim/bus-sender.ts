// Messages out of a simulator into a Service Bus, with the client everybody uses. What is sent, and how often, is the core's business.
import type { ServiceBusClient, ServiceBusSender } from "@azure/service-bus";
import type { BusMessage, BusOutcome, BusTarget } from "./types.js";

/** Sends to any number of namespaces over one connection each. */
export interface BusSender {
  /** One attempt; never throws. */
  send(target: BusTarget, message: BusMessage): Promise<BusOutcome>;
  close(): Promise<void>;
}

/** What the bus says when it was reached and will not have the message; everything else counts as not reached. */
const REFUSALS = new Set([
  "MessagingEntityNotFound",
  "MessagingEntityDisabled",
  "MessageSizeExceeded",
  "QuotaExceeded",
  "UnauthorizedAccess",
]);
const LOCAL_HOSTS = new Set(["127.0.0.1", "localhost", "[::1]"]);
const ATTEMPT_TIMEOUT_MS = 10_000;

/** A namespace on this machine is a broker that speaks plain AMQP on the port given. */
function toConnectionString({ namespaceUrl, keyName, key }: BusTarget): string {
  // `sb:` is no scheme URL knows: its host would keep what http normalises.
  const { host, hostname } = new URL(namespaceUrl.replace(/^sb:/, "http:"));
  const local = LOCAL_HOSTS.has(hostname) ? "UseDevelopmentEmulator=true;" : "";
  return `Endpoint=sb://${host}/;SharedAccessKeyName=${keyName};SharedAccessKey=${key};${local}`;
}

/** Makes a sender. The client is loaded with the first message: most simulators never send one. */
export function makeBusSender(): BusSender {
  const clients = new Map<string, Promise<ServiceBusClient>>();
  const senders = new Map<string, Promise<ServiceBusSender>>();

  const connect = async (connectionString: string): Promise<ServiceBusClient> => {
    const sdk = await import("@azure/service-bus");
    return new sdk.ServiceBusClient(connectionString, {
      retryOptions: { maxRetries: 0, timeoutInMs: ATTEMPT_TIMEOUT_MS },
    });
  };

  const senderOf = (target: BusTarget): Promise<ServiceBusSender> => {
    const connectionString = toConnectionString(target);
    const key = `${connectionString} ${target.entity}`;
    const client = clients.get(connectionString) ?? connect(connectionString);
    clients.set(connectionString, client);
    const sender = senders.get(key) ?? client.then((connected) => connected.createSender(target.entity));
    senders.set(key, sender);
    return sender;
  };

  return {
    async send(target, message) {
      try {
        const sender = await senderOf(target);
        await sender.sendMessages({
          // Bytes, as the platform sends them: a string would be put into JSON once more.
          body: Buffer.from(message.body, "utf8"),
          contentType: message.contentType,
          applicationProperties: message.properties,
          ...(message.messageId === undefined ? {} : { messageId: message.messageId }),
          ...(message.correlationId === undefined ? {} : { correlationId: message.correlationId }),
        });
        return "sent";
      } catch (error) {
        return REFUSALS.has(String((error as { code?: unknown }).code)) ? "refused" : "unreachable";
      }
    },
    async close() {
      await Promise.allSettled([...clients.values()].map(async (client) => (await client).close()));
    },
  };
}
