// Faults, latency and a request log in front of Azurite's HTTP server, with the /_sim/ routes and the language of all stand-ins
// (../sim/README.md). What the tables answer stays Azurite's.

import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { makeAdmin } from "../sim/admin.js";
import { makeFaultDesk } from "../sim/fault-desk.js";
import { type FaultEffect, makeFaultEngine } from "../sim/fault-engine.js";
import { makeLatency, requestOnSchema } from "../sim/latency.js";
import { readRequest, sendJson } from "../sim/node-exchange.js";
import { makeRequestMatcher } from "../sim/path-pattern.js";
import { makeRandom } from "../sim/random.js";
import { makeRequestLog } from "../sim/request-log.js";

/** Takes the server's requests before Azurite sees them. Call when Azurite listens. */
export function interposeFaults(server: Server, seed = 1): void {
  const azurite = server.listeners("request") as RequestListener[];
  const faults = makeFaultEngine({ startedAtMs: Date.now(), seed });
  const desk = makeFaultDesk("tables", faults, undefined);
  const log = makeRequestLog({ pattern: (path) => path.replace(/\(.*\)$/, "(*)") });
  const latency = makeLatency({
    rules: 0,
    onSchema: requestOnSchema,
    random: makeRandom(seed),
    matcherOf: makeRequestMatcher,
  });
  const admin = makeAdmin({
    name: "tables",
    state: () => undefined,
    log,
    faults: desk,
    latency,
    reset() {
      desk.remove();
      latency.set(0);
      log.clear();
    },
  });

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = "GET", url = "/" } = incoming;
    if (url.startsWith("/_sim/")) {
      const request = await readRequest(incoming);
      const answer = typeof request === "string" ? undefined : await admin(request);
      if (answer) await sendJson(outgoing, answer.status, answer.value);
      return;
    }
    const [path = "", search = ""] = url.split("?", 2);
    const startedAt = performance.now();
    const effect = faults.decide({ method, path, search }, Date.now());
    outgoing.once("close", () =>
      log.add({
        at: new Date().toISOString(),
        method,
        path: url,
        status: outgoing.writableFinished ? outgoing.statusCode : 0,
        ms: Math.round((performance.now() - startedAt) * 10) / 10,
        client: incoming.socket.remoteAddress ?? "unknown",
        ...(effect && { faults: effect.ids }),
      }),
    );
    const waitMs = (effect?.delayMs ?? 0) + latency.of(method, path, search);
    if (waitMs > 0) await sleep(waitMs);
    if (effect?.reset === "before") outgoing.destroy();
    else if (effect?.answer) refuse(outgoing, effect.answer);
    else {
      if (effect?.lost || effect?.reset) cutAnswer(outgoing, effect);
      for (const listener of azurite) listener(incoming, outgoing as Parameters<RequestListener>[1]);
    }
  };

  server.removeAllListeners("request");
  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
}

/** An error as the table service spells one; a body given with the fault is sent as it is. */
function refuse(
  outgoing: ServerResponse,
  { status, body, retryAfter, headers }: NonNullable<FaultEffect["answer"]>,
): void {
  const error = { "odata.error": { code: "ServerBusy", message: { lang: "en-US", value: "A fault was asked for." } } };
  outgoing.writeHead(status, {
    "content-type": "application/json",
    ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
    ...headers,
  });
  outgoing.end(typeof body === "string" ? body : JSON.stringify(body ?? error));
}

/** Azurite does its work, then the connection dies: before its answer, or in the middle of it. */
function cutAnswer(outgoing: ServerResponse, { reset }: FaultEffect): void {
  const end = outgoing.end.bind(outgoing);
  const die = (): void => void outgoing.socket?.destroy();
  outgoing.write = () => true;
  outgoing.end = (() => {
    if (reset !== "mid-body") {
      die();
      return outgoing;
    }
    outgoing.setHeader("content-length", "1000");
    outgoing.flushHeaders();
    setImmediate(die);
    return outgoing;
  }) as typeof end;
}
