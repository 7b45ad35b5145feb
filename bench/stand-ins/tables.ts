// The table service, side by side with what a user would pick instead: Azurite's own program, without our limits in it.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { TableClient, type TransactionAction } from "@azure/data-tables";
import { startProcess } from "../../infra/local/processes.js";
import { localAccount } from "../../infra/local/tables/start-tables.js";
import { type Bench, type BenchOptions, type Result, rate } from "../bench.js";
import { median, ratePerSecond } from "../measure.js";

const part = "tables";
const width = 8;

interface Service {
  url: string;
  stop(): Promise<unknown>;
}

/** Rates of ours, and of ours divided by Azurite's own. */
export const tables: Bench = {
  name: part,
  async run(options) {
    const ours = await startProcess({ name: part, script: "infra/local/tables/main.ts", args: ["--port", "0"] });
    try {
      const theirs = await startAzurite();
      try {
        return await measure(ours.address, theirs.url, options);
      } finally {
        await theirs.stop();
      }
    } finally {
      await ours.stop();
    }
  },
};

const operations: [name: string, count: number, work: (client: TableClient, index: number) => Promise<unknown>][] = [
  ["inserts", 400, (client, index) => client.createEntity(entity(index))],
  ["point reads", 400, (client, index) => client.getEntity(entity(index).partitionKey, entity(index).rowKey)],
  ["replacements", 400, (client, index) => client.updateEntity(entity(index), "Replace")],
  ["merges", 400, (client, index) => client.updateEntity(entity(index), "Merge")],
  ["transactions of 100", 40, (client, index) => client.submitTransaction(hundred(index))],
];

async function measure(ours: string, theirs: string, { full, say }: BenchOptions): Promise<Result[]> {
  const rounds = full ? 15 : 7;
  const measured = operations.map(() => ({ ours: [] as number[], ratios: [] as number[] }));
  for (let round = 0; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}`);
    // Fresh tables every round: Azurite gets slower as they fill. Taking turns in who comes first evens out the rest.
    const sides: [string, TableClient][] = [
      ["ours", await freshTable(ours, round)],
      ["theirs", await freshTable(theirs, round)],
    ];
    if (round % 2 === 1) sides.reverse();
    for (const [position, [, count, work]] of operations.entries()) {
      const rates = new Map<string, number>();
      for (const [side, client] of sides) {
        rates.set(side, await ratePerSecond(count, width, (index) => work(client, index)));
      }
      if (round === 0) continue; // warm-up
      const [own, other] = [rates.get("ours") ?? 0, rates.get("theirs") ?? 0];
      measured[position]?.ours.push(own);
      measured[position]?.ratios.push(own / other);
    }
  }
  return operations.flatMap(([name], position) => [
    rate(
      `${part} ${name}`,
      median(measured[position]?.ours ?? []),
      name.startsWith("trans") ? "transactions/s" : "requests/s",
    ),
    rate(`${part} ${name}, against Azurite alone`, median(measured[position]?.ratios ?? []), "ratio", 0.9),
  ]);
}

function entity(index: number) {
  return {
    partitionKey: `p${index % 16}`,
    rowKey: `r${index}`,
    version: index,
    fingerprint: "x".repeat(64),
    state: "y".repeat(200),
    open: false,
  };
}

const hundred = (partition: number): TransactionAction[] =>
  Array.from({ length: 100 }, (_, index) => ["create", { ...entity(index), partitionKey: `t${partition}` }]);

async function freshTable(url: string, round: number): Promise<TableClient> {
  const { name, key } = localAccount;
  const client = TableClient.fromConnectionString(
    `DefaultEndpointsProtocol=http;AccountName=${name};AccountKey=${key};TableEndpoint=${url}/${name};`,
    `round${round}`,
    { allowInsecureConnection: true },
  );
  await client.createTable();
  return client;
}

/** Azurite as its own program runs; it cannot say which free port it took, so one is picked for it. */
async function startAzurite(): Promise<Service> {
  const port = await freePort();
  const script = createRequire(import.meta.url).resolve("azurite/dist/src/table/main.js");
  const options = ["--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck"];
  const child = spawn(process.execPath, [script, "--tableHost", "127.0.0.1", "--tablePort", String(port), ...options], {
    env: { ...process.env, AZURITE_ACCOUNTS: `${localAccount.name}:${localAccount.key}` },
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; child.exitCode === null; attempt += 1) {
    const answers = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answers) break;
    if (attempt > 100) throw new Error("Azurite does not answer");
    await sleep(100);
  }
  return {
    url,
    stop: () => {
      child.kill("SIGKILL");
      return ended;
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
