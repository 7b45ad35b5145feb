import { ServiceBusClient, type ServiceBusClientOptions, type TokenCredential } from "@azure/service-bus";

/** Where the bus is, and as whom we come. The local broker takes a connection string only (facts/azure-local.md §1). */
export type BusConnection =
  | { connectionString: string }
  | { fullyQualifiedNamespace: string; credential: TokenCredential };

/**
 * Makes the one client of the process; it connects with its first use and again after a loss. One quick retry: whoever sends is
 * waited for, and repeats on his own.
 */
export function makeServiceBusClient(connection: BusConnection): ServiceBusClient {
  const options: ServiceBusClientOptions = { retryOptions: { maxRetries: 1, retryDelayInMs: 300, timeoutInMs: 5_000 } };
  return "credential" in connection
    ? new ServiceBusClient(connection.fullyQualifiedNamespace, connection.credential, options)
    : new ServiceBusClient(connection.connectionString, options);
}
