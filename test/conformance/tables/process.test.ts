import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TableClient } from "@azure/data-tables";
import { expect, it, onTestFinished } from "vitest";
import { startProcess } from "../../../infra/local/processes.js";
import { localAccount } from "../../../infra/local/tables/start-tables.js";
import { overHttp } from "./support.js";

async function startIn(directory: string) {
  const child = await startProcess({
    name: "tables",
    script: "infra/local/tables/main.ts",
    args: ["--port", "0", "--data", directory],
    logFile: join(directory, "tables.log"),
  });
  onTestFinished(async () => void (await child.stop()));
  const { name, key } = localAccount;
  const account = `DefaultEndpointsProtocol=http;AccountName=${name};AccountKey=${key}`;
  const connection = `${account};TableEndpoint=${child.address}/${name};`;
  return { child, table: TableClient.fromConnectionString(connection, "kept", overHttp) };
}

it("keeps entities over a stop and a new start on the same directory, and survives nonsense on its socket", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tables-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const first = await startIn(directory);
  await first.table.createTable();
  await first.table.createEntity({ partitionKey: "p", rowKey: "r", a: 1 });
  const socket = connect(Number(new URL(first.child.address).port), "127.0.0.1");
  socket.on("error", () => undefined).resume();
  socket.end("GARBAGE\r\n\r\n");
  await new Promise((resolve) => socket.once("close", resolve));

  await first.child.stop();
  const second = await startIn(directory);

  expect(await second.table.getEntity("p", "r")).toHaveProperty("a", 1);
});
