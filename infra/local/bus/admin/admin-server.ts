// The broker's HTTP side: the /_sim/ routes of all stand-ins (../../sim/admin.ts) for people and tests, and for SDKs what is in
// atom.ts.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { makeAdmin } from "../../sim/admin.js";
import { readRequest, sendJson, sendResponse } from "../../sim/node-exchange.js";
import type { Broker } from "../broker.js";
import type { BusFaultRequest } from "../calls/fault-schema.js";
import { atomAnswer } from "./atom.js";
import { messagesState, queueState } from "./state.js";

const defaultLimit = 1000;

const messages = (broker: Broker, query: URLSearchParams) => {
  const name = query.get("queue") ?? "";
  const queue = broker.queues().find(({ options }) => options.name.toLowerCase() === name.toLowerCase());
  if (queue === undefined) throw new Error(`queue: there is no "${name}"; give ?queue=NAME`);
  const dead = ["1", "true"].includes(query.get("dead") ?? "");
  const from = Number(query.get("from") ?? 0);
  const limit = Number(query.get("limit") ?? defaultLimit);
  if (!Number.isFinite(from) || !Number.isFinite(limit)) throw new Error("from, limit: not a number");
  return messagesState(dead ? queue.dead : queue.main, from, limit);
};

const makeBusAdmin = (broker: Broker) =>
  makeAdmin({
    name: "the bus",
    state(set, query) {
      if (set === "queues") return broker.queues().map(queueState);
      return set === "messages" ? messages(broker, query) : undefined;
    },
    log: broker.log,
    // Read by a schema before anything is done with it.
    faults: { ...broker.faults, add: (body) => broker.faults.add(body as BusFaultRequest[]) },
    latency: broker.latency,
    setSkew: broker.setSkew,
    reset: broker.reset,
  });

const exchange = async (
  broker: Broker,
  admin: ReturnType<typeof makeBusAdmin>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> => {
  const request = await readRequest(incoming);
  if (request === "gone") return;
  if (request === "too-large") {
    await sendJson(outgoing, 413, { error: "the body is too large" });
    return;
  }
  const behindTheScenes = await admin(request);
  if (behindTheScenes !== undefined) {
    await sendJson(outgoing, behindTheScenes.status, behindTheScenes.value);
    return;
  }
  const { status, contentType, body } = atomAnswer(broker.queues(), request);
  sendResponse(outgoing, request.method, { status, headers: { "content-type": contentType }, body });
};

/** Starts the HTTP side of a broker on 127.0.0.1; port 0 is any free one. */
export async function startAdmin(broker: Broker, port: number): Promise<{ port: number; close(): Promise<void> }> {
  const admin = makeBusAdmin(broker);
  const server = createServer((incoming, outgoing) => {
    outgoing.on("error", () => undefined);
    exchange(broker, admin, incoming, outgoing).catch(() => outgoing.destroy());
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
