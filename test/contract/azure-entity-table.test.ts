import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { TableClient } from "@azure/data-tables";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeAzureEntityTables } from "../../shared/storage/azure-entity-table.js";
import type { EntityTables } from "../../shared/storage/entity-tables.js";
import { type Azurite, startAzurite } from "../support/azurite.js";
import { describeEntityTable } from "./entity-table.contract.js";

let azurite: Azurite;
let tables: EntityTables;

beforeAll(async () => {
  azurite = await startAzurite();
  tables = makeAzureEntityTables({ connectionString: azurite.connectionString });
});
afterAll(() => azurite.close());

describeEntityTable("over Azurite", () => tables);

describe("EntityTable over the SDK", () => {
  it("gives back what somebody else wrote as 64-bit number, date or GUID as text", async () => {
    await tables.ensure(["foreign"]);
    const other = TableClient.fromConnectionString(azurite.connectionString, "foreign", {
      allowInsecureConnection: true,
    });
    const when = new Date("2026-03-01T10:00:00.000Z");
    const guid = { type: "Guid" as const, value: "0f8fad5b-d9cb-469f-a165-70867728950e" };
    await other.createEntity({ partitionKey: "p", rowKey: "r", big: 9007199254740993n, when, guid });

    const entity = await tables.table("foreign").get("p", "r");

    expect(entity?.values).toEqual({ big: "9007199254740993", when: when.toISOString(), guid: guid.value });
  });

  it("says unavailable within seconds when nothing listens at the address", async () => {
    const nobody = makeAzureEntityTables({
      connectionString: azurite.connectionString.replace(`:${azurite.port}/`, ":1/"),
    });

    const started = Date.now();
    await expect(nobody.table("any1").get("p", "r")).rejects.toMatchObject({
      kind: "unavailable",
      context: { code: "ECONNREFUSED" },
    });

    expect(Date.now() - started).toBeLessThan(5_000);
  });

  it.each([
    [403, "auth"],
    [401, "auth"],
    [503, "unavailable"],
    [500, "unavailable"],
    [404, "unavailable"],
  ])("turns an answer of %i without a body into the error kind %s", async (status, kind) => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const broken = makeAzureEntityTables({
      connectionString: azurite.connectionString.replace(`:${azurite.port}/`, `:${port}/`),
    });

    await expect(broken.table("any1").get("p", "r")).rejects.toMatchObject({ kind });

    expect(requests).toBe(status >= 500 ? 3 : 1);
    server.close();
  });

  it("gives up after its time-out when the service accepts the connection and never answers", async () => {
    const hole = createServer(() => {});
    await new Promise<void>((resolve) => hole.listen(0, "127.0.0.1", resolve));
    const { port } = hole.address() as AddressInfo;
    const connectionString = azurite.connectionString.replace(`:${azurite.port}/`, `:${port}/`);
    const { table } = makeAzureEntityTables({ connectionString }, 200);

    const started = Date.now();
    await expect(table("any1").get("p", "r")).rejects.toMatchObject({ kind: "unavailable", maybeApplied: true });

    expect(Date.now() - started).toBeLessThan(2_000);
    hole.close();
    hole.closeAllConnections();
  });

  it("tells neither key nor value nor account key in the error of a wrong key", async () => {
    const wrong = makeAzureEntityTables({
      connectionString: azurite.connectionString.replace(/AccountKey=[^;]+/, "AccountKey=bm90LXRoZS1rZXk="),
    });

    const error = await wrong
      .table("any1")
      .insert("p", "r", { name: "Ada-Example" })
      .catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ kind: "auth" });
    expect(JSON.stringify([String(error), Object.entries(error as object)])).not.toMatch(/Ada-Example|bm90LXRoZS1rZXk/);
  });
});
