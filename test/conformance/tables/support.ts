// One table service per test file, a fresh table per test, and the unmodified @azure/data-tables client. No client of ours.
import { RestError, TableClient, TableServiceClient } from "@azure/data-tables";
import { afterAll, beforeAll } from "vitest";
import { startTables, type Tables } from "../../../infra/local/tables/start-tables.js";

/** What the client says when the service refused: HTTP status and OData code, wherever it put the code. */
export interface Refused {
  status: number | undefined;
  code: string | undefined;
  message: string;
}

/** The client over plain HTTP, without its retries. */
export const overHttp = { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } } as const;

/** Starts the table service around the tests of a file. */
export function useTables() {
  let tables: Tables;
  let count = 0;
  beforeAll(async () => {
    tables = await startTables({ port: 0 });
  });
  afterAll(() => tables.close());
  const client = (table: string): TableClient =>
    TableClient.fromConnectionString(tables.connectionString, table, overHttp);
  return {
    client,
    url: (): string => tables.url,
    service: (): TableServiceClient => TableServiceClient.fromConnectionString(tables.connectionString, overHttp),
    /** A client of a table that nobody used before. */
    async fresh(): Promise<TableClient> {
      count += 1;
      const table = client(`table${count}`);
      await table.createTable();
      return table;
    },
  };
}

/** Waits for a refusal; throws when there is none, or something else than the service's answer came. */
export async function refusal(work: Promise<unknown>): Promise<Refused> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RestError)) throw new Error(`not refused by the service: ${String(error)}`);
  const details = error.details as { odataError?: { code?: string } } | undefined;
  return { status: error.statusCode, code: details?.odataError?.code ?? error.code, message: error.message };
}

/** All that a list gives. */
export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** So many properties with small values. */
export const properties = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, index]));

/** So many characters of text, spread over properties that are each within their own limit. */
export function text(characters: number): Record<string, string> {
  const pieceLength = 30_000;
  const pieces = Math.ceil(characters / pieceLength);
  return Object.fromEntries(
    Array.from({ length: pieces }, (_, index) => [
      `t${index}`,
      "x".repeat(Math.min(pieceLength, characters - index * pieceLength)),
    ]),
  );
}

/** Row keys, in the order they came. */
export const rowKeys = (entities: { rowKey?: string | undefined }[]): string[] =>
  entities.map(({ rowKey }) => String(rowKey));
