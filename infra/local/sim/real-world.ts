// The world a simulator's core lives in when it is a process: wall clock, seeded random numbers, timers, outgoing HTTP, outgoing bus messages.
import * as http from "node:http";
import * as https from "node:https";
import { makeBusSender } from "./bus-sender.js";
import { makeRandom } from "./random.js";
import type { SimWorld } from "./types.js";

/** A world with an end, and a clock that can be set wrong. */
export interface RealWorld extends SimWorld {
  /** Shifts `now` against the wall clock, in milliseconds; other machines' clocks are never quite ours. */
  setSkew(ms: number): void;
  /** Drops all timers and outgoing connections. */
  close(): Promise<void>;
}

/** Makes a world on real time. The seed decides `random` only: sockets keep their own order. */
export function makeRealWorld(options: { seed?: number } = {}): RealWorld {
  const agents = [new http.Agent({ keepAlive: true }), new https.Agent({ keepAlive: true })] as const;
  const bus = makeBusSender();
  const timers = new Set<NodeJS.Timeout>();
  let skewMs = 0;
  let closed = false;
  return {
    now: () => Date.now() + skewMs,
    random: makeRandom(options.seed ?? 1),
    later(ms, run) {
      if (closed) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        run();
      }, ms);
      timers.add(timer);
    },
    post: (url, headers, body, timeoutMs) =>
      new Promise((resolve) => {
        let target: URL;
        try {
          target = new URL(url);
        } catch {
          resolve(0);
          return;
        }
        const secure = target.protocol === "https:";
        const request = (secure ? https : http).request(target, {
          method: "POST",
          agent: secure ? agents[1] : agents[0],
          headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
        });
        const timer = setTimeout(() => request.destroy(), timeoutMs);
        const end = (status: number): void => {
          clearTimeout(timer);
          resolve(status);
        };
        request.on("response", (response) => {
          response.on("error", () => undefined);
          response.resume();
          end(response.statusCode ?? 0);
        });
        request.on("error", () => end(0));
        request.on("close", () => end(0));
        request.end(body);
      }),
    // What is late by a closed world's clock is nobody's message any more.
    sendToBus: async (target, message) => (closed ? "unreachable" : bus.send(target, message)),
    setSkew(ms) {
      skewMs = ms;
    },
    async close() {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      for (const agent of agents) agent.destroy();
      await bus.close();
    },
  };
}
