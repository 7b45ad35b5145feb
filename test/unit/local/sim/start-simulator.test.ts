import * as net from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../../../infra/local/sim/start-simulator.js";
import type { CoreFault, SimCore } from "../../../../infra/local/sim/types.js";

/** A core that counts what it did, to tell "never seen" from "done, answer lost". */
const makeCountingCore = () => {
  const seen: string[] = [];
  const coreFaults: CoreFault[] = [];
  const core: SimCore = {
    handle(request) {
      seen.push(`${request.method} ${request.path}`);
      if (request.path === "/bug") throw new Error("core bug");
      if (request.path === "/busy") return { status: 429, headers: { "Retry-After": "60" }, body: "" };
      return { status: 200, headers: { "content-type": "text/plain" }, body: `${request.origin} ${request.body} done` };
    },
    state: (set) => (set === "seen" ? seen : set === "many" ? [1, 2, 3].values() : undefined),
    command: (name, body) => (name === "echo" ? { body } : undefined),
    reset: () => {
      seen.length = 0;
    },
    faults: {
      add: (_id, fault) => {
        if (fault.on !== "webhook") throw new Error(`on: no faults of kind ${fault.on}`);
        coreFaults.push(fault);
      },
      list: () => coreFaults,
      remove: () => coreFaults.splice(0).length,
    },
  };
  return { core, seen };
};

let simulator: Simulator;
let seen: string[];

beforeEach(async () => {
  const made = makeCountingCore();
  seen = made.seen;
  simulator = await startSimulator({ name: "test", core: made.core, port: 0 });
});
afterEach(() => simulator.close());

const call = (path: string, method = "GET", body?: unknown) =>
  fetch(simulator.url + path, body === undefined ? { method } : { method, body: JSON.stringify(body) });
const addFault = async (fault: object) => {
  const response = await call("/_sim/faults", "POST", fault);
  expect(response.status).toBe(201);
};
const requests = async () => (await (await call("/_sim/requests")).json()) as Record<string, never>;

describe("a simulator behind its socket", () => {
  it("gives the core the request and the origin the client used", async () => {
    const response = await call("/x", "POST", { a: 1 });

    expect(await response.text()).toBe(`${simulator.url} {"a":1} done`);
  });

  it("answers as the fault says for as often as it says, and the core never sees those requests", async () => {
    await addFault({ on: "GET /x", times: 2, answer: { status: 429, retryAfter: 3, body: { error: "slow" } } });

    const answers = [await call("/x"), await call("/x"), await call("/x")];

    expect(answers.map(({ status }) => status)).toEqual([429, 429, 200]);
    expect(answers[0]?.headers.get("retry-after")).toBe("3");
    expect(await answers[0]?.json()).toEqual({ error: "slow" });
    expect(seen).toEqual(["GET /x"]);
  });

  it.each([
    { fault: { reset: "before" }, done: 0 },
    { fault: { lost: true }, done: 1 },
    { fault: { reset: "mid-body" }, done: 1 },
  ])("breaks the connection with $fault, the core having done its work $done times", async ({ fault, done }) => {
    await addFault({ on: "GET /x", times: 1, ...fault });

    const outcome = call("/x").then((response) => response.text());

    await expect(outcome).rejects.toThrow();
    expect(seen.length).toBe(done);
    expect((await call("/x")).status).toBe(200);
  });

  it("takes as long as the configured latency, and longer by a delay fault", async () => {
    await call("/_sim/latency", "POST", { "GET /slow": 60, "* **": 0 });
    await addFault({ on: "GET /slow", after: 1, delayMs: 60 });
    const timed = async (path: string) => {
      const startedAt = performance.now();
      await call(path);
      return performance.now() - startedAt;
    };

    const [slow, slower] = [await timed("/slow"), await timed("/slow")];

    expect(slow).toBeGreaterThanOrEqual(59);
    expect(slower).toBeGreaterThanOrEqual(119);
  });

  it("counts requests by method and path pattern, with statuses, faults and Retry-After breaches", async () => {
    await call("/busy");
    await call("/things(223f05ea-7593-f011-b4cc-000d3aa25840)?a=1");

    const summary = await requests();

    expect(summary).toMatchObject({
      total: 2,
      insideRetryAfter: 1,
      counts: {
        "GET /busy": { count: 1, status: { 429: 1 }, insideRetryAfter: 0 },
        "GET /things(*)": { count: 1, status: { 200: 1 }, insideRetryAfter: 1 },
      },
    });
  });

  it("hands a fault without a method to the core, and refuses a kind the core does not know by naming the field", async () => {
    const known = await call("/_sim/faults", "POST", { on: "webhook", drop: true });
    const unknown = await call("/_sim/faults", "POST", { on: "carrier-pigeon" });

    expect(known.status).toBe(201);
    expect(unknown.status).toBe(400);
    expect(await unknown.text()).toContain("on:");
    expect(await (await call("/_sim/faults")).json()).toEqual([{ on: "webhook", drop: true }]);
  });

  it("answers state, commands and reset, and 404 or 400 with a message for what does not exist or cannot be read", async () => {
    await call("/x");
    const state = await (await call("/_sim/state/seen")).json();
    const streamed = await (await call("/_sim/state/many")).json();
    const echoed = await (await call("/_sim/echo", "POST", { a: 1 })).json();
    await call("/_sim/reset", "POST");

    expect({ state, streamed, echoed }).toEqual({ state: ["GET /x"], streamed: [1, 2, 3], echoed: { body: { a: 1 } } });
    expect((await call("/_sim/state/none")).status).toBe(404);
    expect((await call("/_sim/none", "POST", {})).status).toBe(404);
    expect((await fetch(`${simulator.url}/_sim/faults`, { method: "POST", body: "{" })).status).toBe(400);
    expect(await (await call("/_sim/state/seen")).json()).toEqual([]);
  });

  it("stays up when the core throws, a client hangs up in the middle of its body, or sends what is not HTTP", async () => {
    const bug = await call("/bug");
    for (const bytes of [
      "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
      "\u0000\u0001 what\r\n\r\n",
      "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    ]) {
      await new Promise<void>((resolve) => {
        const socket = net.connect(simulator.port, "127.0.0.1", () =>
          socket.write(bytes, () => setTimeout(() => socket.destroy(), 10)),
        );
        socket.on("close", () => resolve());
        socket.on("error", () => resolve());
        socket.resume();
      });
    }

    expect(bug.status).toBe(500);
    expect((await call("/x")).status).toBe(200);
  });
});
