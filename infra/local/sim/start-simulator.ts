// A simulator behind a socket: request log, faults and latency around a core. What the product answers is in the core.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { makeAdmin } from "./admin.js";
import { makeFaultDesk } from "./fault-desk.js";
import { type FaultEffect, makeFaultEngine } from "./fault-engine.js";
import { type LatencyRules, makeLatency, requestOnSchema } from "./latency.js";
import { readRequest, sendJson, sendResponse } from "./node-exchange.js";
import { makeRequestMatcher } from "./path-pattern.js";
import { makeRealWorld, type RealWorld } from "./real-world.js";
import { type LoggedRequest, makeRequestLog } from "./request-log.js";
import type { SimCore, SimRequest, SimResponse, SimWorld } from "./types.js";

/** What a simulator needs to run. `core` may be made from the world, so that both share clock and timers. */
export interface SimulatorOptions {
  name: string;
  core: SimCore | ((world: SimWorld) => SimCore);
  world?: SimWorld;
  /** 0 = any free port. */
  port: number;
  latencyMs?: LatencyRules;
  /** Decides every random draw: rates of faults, spans of latency, and the world's when none is given. */
  seed?: number;
}

/** A simulator that listens. */
export interface Simulator {
  url: string;
  port: number;
  close(): Promise<void>;
}

const json = (status: number, value: unknown, headers: Record<string, string> = {}): SimResponse => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", ...headers },
  body: JSON.stringify(value),
});

const toAnswer = ({ status, body, retryAfter, headers }: NonNullable<FaultEffect["answer"]>): SimResponse => {
  const all = { ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }), ...headers };
  if (body === undefined) return { status, headers: all, body: "" };
  return typeof body === "string" ? { status, headers: all, body } : json(status, body, all);
};

const requestFilter = z.object({ method: z.string(), path: z.string(), limit: z.coerce.number() }).partial();

/** Starts a simulator on 127.0.0.1. Nothing a client sends ends it: an error of the core is a 500 and a line on stderr. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { name } = options;
  const ownWorld: RealWorld | undefined = options.world
    ? undefined
    : makeRealWorld(options.seed === undefined ? {} : { seed: options.seed });
  const world: SimWorld & Partial<Pick<RealWorld, "setSkew">> = options.world ?? (ownWorld as RealWorld);
  const core = typeof options.core === "function" ? options.core(world) : options.core;
  const log = makeRequestLog(core.pattern ? { pattern: (path) => core.pattern?.(path) ?? path } : {});
  const faults = makeFaultEngine({ startedAtMs: world.now(), seed: options.seed ?? 1 });
  const desk = makeFaultDesk(name, faults, core.faults);
  const latency = makeLatency({
    rules: options.latencyMs ?? 0,
    onSchema: requestOnSchema,
    random: world.random,
    matcherOf: makeRequestMatcher,
  });
  const admin = makeAdmin({
    name,
    state: core.state.bind(core),
    log: { summary: (query) => log.summary(requestFilter.parse(query)), clear: log.clear },
    faults: desk,
    latency,
    setSkew: world.setSkew,
    command: core.command?.bind(core),
    async reset() {
      await core.reset();
      log.clear();
      desk.remove();
      latency.set(options.latencyMs ?? 0);
      world.setSkew?.(0);
    },
  });

  const handle = async (request: SimRequest): Promise<SimResponse> => {
    try {
      return await core.handle(request);
    } catch (error) {
      console.error(`${name}: ${request.method} ${request.path}`, error);
      return json(500, { error: { code: "", message: `bug in the ${name} simulator: ${String(error)}` } });
    }
  };

  /** Answers over the socket; the result is the status the client got, 0 for none. */
  const serve = async (request: SimRequest, outgoing: ServerResponse, effect: FaultEffect | undefined) => {
    const startedAt = performance.now();
    if (effect?.delayMs) await sleep(effect.delayMs);
    if (effect?.reset === "before") {
      outgoing.destroy();
      return 0;
    }
    // Half of the time on the way in, half on the way out: whoever hangs up early may or may not have been served.
    const latencyMs = latency.of(request.method, request.path, request.search);
    if (latencyMs > 0) await sleep(latencyMs / 2);
    const response = effect?.answer ? toAnswer(effect.answer) : await handle(request);
    const restMs = latencyMs + (effect?.delayMs ?? 0) - (performance.now() - startedAt);
    if (latencyMs > 0 && restMs > 0) await sleep(restMs);
    if (effect?.lost) {
      outgoing.destroy();
      return 0;
    }
    return send(request, outgoing, response, effect?.reset === "mid-body");
  };

  const send = (request: SimRequest, outgoing: ServerResponse, response: SimResponse, cut = false): number => {
    const client = clientOf(request, outgoing);
    const retryAfter = Object.entries(response.headers).find(([header]) => header.toLowerCase() === "retry-after")?.[1];
    if (retryAfter !== undefined) log.toldToWait(client, retryAfter, world.now());
    sendResponse(outgoing, request.method, response, cut);
    return response.status;
  };

  const clientOf = (request: SimRequest, outgoing: ServerResponse): string =>
    core.client?.(request) ?? outgoing.req.socket.remoteAddress ?? "unknown";

  const exchange = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const request = await readRequest(incoming);
    if (request === "gone") return;
    if (request === "too-large") {
      sendResponse(outgoing, "POST", json(413, { error: { code: "", message: "request body too large" } }));
      return;
    }
    const answer = await admin(request);
    if (answer) {
      await sendJson(outgoing, answer.status, answer.value);
      return;
    }
    const arrivedAt = performance.now();
    const at = world.now();
    const client = clientOf(request, outgoing);
    const waitLeftMs = log.waitLeftMs(client, at);
    const effect = faults.decide(request, at);
    const entered = core.enter?.(request) ?? (() => undefined);
    let status = 0;
    try {
      status =
        typeof entered === "function" ? await serve(request, outgoing, effect) : send(request, outgoing, entered);
    } finally {
      if (typeof entered === "function") entered();
      const entry: LoggedRequest = {
        at: new Date(at).toISOString(),
        method: request.method,
        path: request.search ? `${request.path}?${request.search}` : request.path,
        status,
        ms: Math.round((performance.now() - arrivedAt) * 10) / 10,
        client,
      };
      if (effect) entry.faults = effect.ids;
      if (waitLeftMs > 0) entry.insideRetryAfterMs = waitLeftMs;
      log.add(entry);
    }
  };

  // Dataverse takes URLs of 32 KB, which is above node's default for all headers together.
  const server = createServer({ maxHeaderSize: 128 * 1024, keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
    outgoing.on("error", () => undefined);
    exchange(incoming, outgoing).catch((error: unknown) => {
      console.error(`${name}: ${incoming.method} ${incoming.url}`, error);
      outgoing.destroy();
    });
  });
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", () => resolve());
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async close() {
      await ownWorld?.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}
