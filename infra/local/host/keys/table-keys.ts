import { odata, RestError, TableClient } from "@azure/data-tables";
import { type KeyScope, type KeyStore, placeOf } from "./key-store.js";

const table = "functionshostkeys";

interface KeyRow extends Record<string, unknown> {
  name: string;
  value: string;
}

/** Keys in the table `functionshostkeys`, made on first use; hosts with the same id share them. */
export function makeTableKeys({ connectionString, hostId }: { connectionString: string; hostId: string }): KeyStore {
  const client = TableClient.fromConnectionString(connectionString, table, {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 1, retryDelayInMs: 100 },
  });
  const partitionOf = (scope: KeyScope): string => encodeURIComponent(`${hostId} ${placeOf(scope)}`);
  const rowOf = (name: string): string => encodeURIComponent(name.toLowerCase());
  let created: Promise<void> | undefined;

  const ready = (): Promise<void> => {
    created ??= client.createTable().catch((error: unknown) => {
      created = undefined;
      throw error;
    });
    return created;
  };

  const whether = async (work: () => Promise<unknown>, status: number): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof RestError && error.statusCode === status) return false;
      throw error;
    }
  };

  return {
    async list(scope) {
      await ready();
      const filter = odata`PartitionKey eq ${partitionOf(scope)}`;
      const rows = client.listEntities<KeyRow>({ queryOptions: { filter } });
      const keys = [];
      for await (const { name, value } of rows) keys.push({ name, value });
      return keys;
    },
    async put(scope, { name, value }) {
      await ready();
      const row = { partitionKey: partitionOf(scope), rowKey: rowOf(name), name, value };
      if (await whether(() => client.createEntity(row), 409)) return true;
      await client.upsertEntity(row, "Replace");
      return false;
    },
    async remove(scope, name) {
      await ready();
      return whether(() => client.deleteEntity(partitionOf(scope), rowOf(name)), 404);
    },
  };
}
