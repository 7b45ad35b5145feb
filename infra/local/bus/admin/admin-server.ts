// The broker's HTTP side for people and tests: inspection, faults, reset. The ATOM side for SDKs is in atom.ts.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Broker } from "../broker.js";
import type { Queue } from "../core/queue.js";
import { atomAnswer } from "./atom.js";
import { messagesState, queueState } from "./state.js";

const maxBodyBytes = 1024 * 1024;
const defaultLimit = 1000;

/** What the admin side answers. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly contentType?: string;
}

const json = (status: number, body: unknown): AdminAnswer => ({ status, body });
const problem = (status: number, error: string): AdminAnswer => json(status, { error });

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new Error(`The body is longer than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
};

const messages = (broker: Broker, query: URLSearchParams): AdminAnswer => {
  const name = query.get("queue")?.toLowerCase();
  const queue = broker.queues().find((candidate: Queue) => candidate.options.name.toLowerCase() === name);
  if (queue === undefined) return problem(404, `There is no queue "${query.get("queue") ?? ""}"; give ?queue=NAME`);
  const dead = ["1", "true"].includes(query.get("dead") ?? "");
  const from = Number(query.get("from") ?? 0);
  const limit = Number(query.get("limit") ?? defaultLimit);
  if (!Number.isFinite(from) || !Number.isFinite(limit)) return problem(400, "from and limit are numbers");
  return json(200, messagesState(dead ? queue.dead : queue.main, from, limit));
};

const addFaults = (broker: Broker, body: string): AdminAnswer => {
  try {
    broker.faults.add(JSON.parse(body));
    return json(200, broker.faults.list());
  } catch (error) {
    return problem(400, error instanceof Error ? error.message : String(error));
  }
};

const requests = (broker: Broker): AdminAnswer =>
  json(200, Object.fromEntries(broker.queues().map((queue) => [queue.options.name, queue.main.tally])));

const answer = (broker: Broker, method: string, url: URL, body: string): AdminAnswer => {
  switch (`${method} ${url.pathname}`) {
    case "GET /_sim/state/queues":
      return json(200, broker.queues().map(queueState));
    case "GET /_sim/state/messages":
      return messages(broker, url.searchParams);
    case "GET /_sim/requests":
      return requests(broker);
    case "GET /_sim/faults":
      return json(200, broker.faults.list());
    case "POST /_sim/faults":
      return addFaults(broker, body);
    case "DELETE /_sim/faults":
      broker.faults.clear();
      return json(200, []);
    case "POST /_sim/reset":
      broker.reset();
      return json(200, broker.queues().map(queueState));
  }
  if (url.pathname.startsWith("/_sim/")) return problem(404, `There is no ${method} ${url.pathname}; see README.md`);
  return atomAnswer(broker.queues(), method, url);
};

const send = (response: ServerResponse, { status, body, contentType }: AdminAnswer): void => {
  const text = contentType === undefined ? JSON.stringify(body, undefined, 2) : String(body);
  response.writeHead(status, { "content-type": contentType ?? "application/json; charset=utf-8" });
  response.end(text);
};

/** Starts the HTTP side of a broker on 127.0.0.1; port 0 is any free one. */
export async function startAdmin(broker: Broker, port: number): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const run = async (): Promise<AdminAnswer> => {
      const url = new URL(request.url ?? "/", "http://127.0.0.1");
      return answer(broker, request.method ?? "GET", url, await readBody(request));
    };
    run().then(
      (result) => send(response, result),
      (error: unknown) => send(response, problem(400, error instanceof Error ? error.message : String(error))),
    );
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
