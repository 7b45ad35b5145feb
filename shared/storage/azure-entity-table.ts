// EntityTable over Azure Table Storage (or Azurite). The only file that imports @azure/data-tables; no SDK error, BigInt or
// Date leaves it. What a table may hold is in entity-limits.ts, what the errors mean in to-storage-error.ts.

import type { TokenCredential } from "@azure/core-auth";
import { TableClient, type TableEntityResult, type TableServiceClientOptions } from "@azure/data-tables";
import { checkEntity, checkKey } from "./entity-limits.js";
import type { Entity, EntityTable, EntityValue, ListPart } from "./entity-table.js";
import type { DroppableTables } from "./entity-tables.js";
import { storageCodeOf, toStorageError } from "./to-storage-error.js";

/** Where the tables are, and as whom we come: a connection string, or an account URL (`https://…`) and an identity. */
export type TablesConnection = { connectionString: string } | { url: string; credential: TokenCredential };

/** Two more attempts, for network errors and 5xx only: a hanging one is not repeated. */
const retryOptions = { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 800 };

/**
 * Tables over the SDK. A write that the SDK repeated because its answer was lost may end in ConflictError although it was
 * carried out: whoever gets one reads again, as after any conflict. `timeoutMs` is the longest time of one operation (for `list`
 * of one page), all attempts together.
 */
export function makeAzureEntityTables(connection: TablesConnection, timeoutMs = 10_000): DroppableTables {
  return {
    table: (name) => makeTable(makeClient(connection, name), makeAttempt(name, timeoutMs)),
    async ensure(names) {
      await Promise.all(
        names.map((name) =>
          makeAttempt(name, timeoutMs)((options) => makeClient(connection, name).createTable(options)),
        ),
      );
    },
    async drop(names) {
      const drop = (name: string): Promise<void> =>
        makeAttempt(
          name,
          timeoutMs,
        )(async (options) => {
          await makeClient(connection, name)
            .deleteTable(options)
            .catch((error: unknown) => {
              if (!isGone(error)) throw error;
            });
        });
      await Promise.all(names.map(drop));
    },
  };
}

type Raw = TableEntityResult<Record<string, unknown>>;

function makeTable(client: TableClient, attempt: Attempt): EntityTable {
  return {
    async get(partition, row) {
      checkKey("partition", partition);
      checkKey("row", row);
      return attempt(async (options) => {
        const found = await client
          .getEntity<Record<string, unknown>>(partition, row, options)
          .catch((error: unknown) => {
            if (isGone(error)) return undefined;
            throw error;
          });
        return found && toEntity({ ...found, partitionKey: partition, rowKey: row });
      });
    },
    async insert(partition, row, values) {
      checkEntity(partition, row, values);
      return attempt(async (options) => {
        const { etag } = await client.createEntity({ ...values, partitionKey: partition, rowKey: row }, options);
        return String(etag);
      });
    },
    async replace(partition, row, values, etag) {
      checkEntity(partition, row, values);
      return attempt(async (options) => {
        const entity = { ...values, partitionKey: partition, rowKey: row };
        const answer = await client.updateEntity(entity, "Replace", { ...options, etag });
        return String(answer.etag);
      });
    },
    async remove(partition, row, etag) {
      await attempt((options) =>
        client.deleteEntity(partition, row, { ...options, etag }).catch((error: unknown) => {
          if (!isGone(error)) throw error;
        }),
      );
    },
    async *list(partition, part) {
      for (const filter of partition === undefined ? filtersOf(part) : [`PartitionKey eq ${quoted(partition)}`]) {
        yield* listFiltered(client, attempt, filter);
      }
    },
  };
}

async function* listFiltered(client: TableClient, attempt: Attempt, filter: string): AsyncIterable<Entity> {
  const queryOptions = filter === "" ? {} : { filter };
  let continuationToken: string | undefined;
  do {
    // One signal a page: the caller may take any time between two of them.
    const page = await attempt(async (options) => {
      const pages = client
        .listEntities<Record<string, unknown>>({ ...options, queryOptions })
        .byPage(continuationToken === undefined ? {} : { continuationToken });
      return (await pages.next()).value;
    });
    for (const raw of page ?? []) yield toEntity(raw);
    continuationToken = page?.continuationToken;
  } while (continuationToken);
}

/**
 * OData filters that, one after the other, find a part of the table in key order. Going on in the middle of a partition takes two: the service
 * answers one range of keys quickly, but reads the whole table for two ranges joined by `or`.
 */
function filtersOf(part: ListPart = {}): string[] {
  const { prefix, after, equals = {} } = part;
  const common = Object.entries(equals).map(([name, value]) => `${name} eq ${quoted(value)}`);
  // The last character a key may hold ends the range.
  if (prefix !== undefined) common.push(`PartitionKey lt ${quoted(`${prefix}\uffff`)}`);
  const all = (...conditions: string[]): string => [...conditions, ...common].join(" and ");
  if (!after) return [all(...(prefix === undefined ? [] : [`PartitionKey ge ${quoted(prefix)}`]))];
  const from = prefix !== undefined && after.partition < prefix ? "ge" : "gt";
  const rest = all(`PartitionKey ${from} ${quoted(from === "ge" ? (prefix ?? "") : after.partition)}`);
  return [all(`PartitionKey eq ${quoted(after.partition)}`, `RowKey gt ${quoted(after.row)}`), rest];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function makeClient(connection: TablesConnection, table: string): TableClient {
  const options: TableServiceClientOptions = { retryOptions };
  if ("credential" in connection) return new TableClient(connection.url, table, connection.credential, options);
  const { connectionString } = connection;
  return TableClient.fromConnectionString(connectionString, table, {
    ...options,
    allowInsecureConnection: isLoopback(connectionString),
  });
}

/** Plain http is for the local runtime only; anywhere else the SDK refuses it. */
function isLoopback(connectionString: string): boolean {
  const endpoint = /(?:^|;)TableEndpoint=([^;]+)/i.exec(connectionString)?.[1] ?? "";
  const host = URL.canParse(endpoint) ? new URL(endpoint).hostname : "";
  return ["127.0.0.1", "localhost", "[::1]"].includes(host) || /UseDevelopmentStorage=true/i.test(connectionString);
}

type Attempt = <T>(call: (options: { abortSignal: AbortSignal }) => Promise<T>) => Promise<T>;

/** The SDK's own time-out bounds one attempt only; the signal bounds all of them. */
function makeAttempt(table: string, timeoutMs: number): Attempt {
  return async (call) => {
    try {
      return await call({ abortSignal: AbortSignal.timeout(timeoutMs) });
    } catch (error) {
      throw toStorageError(table, error);
    }
  };
}

/** The entity, not the table, is not there. */
function isGone(error: unknown): boolean {
  return storageCodeOf(error) === "ResourceNotFound";
}

function toEntity({ partitionKey, rowKey, etag, timestamp: _timestamp, ...rest }: Raw): Entity {
  const values: Record<string, EntityValue> = {};
  for (const [name, raw] of Object.entries(rest)) {
    const value = toValue(raw);
    if (value !== undefined && !name.startsWith("odata.")) values[name] = value;
  }
  return { partition: String(partitionKey), row: String(rowKey), values, etag: String(etag) };
}

/** We write text, booleans and 32-bit integers; what somebody else wrote by hand comes back as text. */
function toValue(raw: unknown): EntityValue | undefined {
  if (typeof raw === "string" || typeof raw === "number" || typeof raw === "boolean") return raw;
  if (typeof raw === "bigint") return String(raw);
  if (raw instanceof Date) return raw.toISOString();
  if (typeof raw === "object" && raw !== null && "value" in raw) return String(raw.value);
  return undefined;
}
