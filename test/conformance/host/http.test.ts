// HTTP triggers over real sockets (facts/azure-local.md §2): what a client sends, what the function gets, what is answered.
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildApp, removeApps } from "./apps.js";
import { type HostLog, startTestHost } from "./hosts.js";

const env = {
  LOCAL_FUNCTION_KEY: "key-of-functions",
  LOCAL_MASTER_KEY: "key-of-master",
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: "10000",
  "AzureWebJobs.switchedOff.Disabled": "true",
};
const hostJson = {
  version: "2.0",
  extensions: {
    http: { maxConcurrentRequests: 3, maxOutstandingRequests: 5, customHeaders: { "x-everywhere": "yes" } },
  },
};

let url: string;
let log: HostLog;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ url, log, close } = await startTestHost({ appDir: await buildApp("http", { hostJson }), env }));
});
afterAll(async () => {
  await close();
  await removeApps();
});

const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${url}${path}`, init);

/** Sends raw bytes and answers everything that came back until the server closed. */
async function raw(text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.write(text);
  await once(socket, "close");
  return answer;
}

describe("a request", () => {
  it("reaches the function with method, full url, route values as strings, query, headers and body", async () => {
    const response = await get("/api/echo/7/all?a=1&b=x%20y", {
      method: "POST",
      body: "héllo",
      headers: { "X-Test": "t" },
    });

    expect(await response.json()).toEqual({
      method: "POST",
      url: `${url}/api/echo/7/all?a=1&b=x%20y`,
      params: { id: "7", view: "all" },
      query: { a: "1", b: "x y" },
      header: "t",
      text: "héllo",
    });
  });

  it("leaves an optional route value out when the path ends before it", async () => {
    const response = await get("/api/echo/7");

    expect(await response.json()).toMatchObject({ params: { id: "7" } });
  });

  it("goes to the function whose route says it literally, before one with a parameter", async () => {
    const response = await get("/api/echo/NEW");

    expect(await response.text()).toBe("the literal route");
  });

  it.each([
    ["an unknown path", "/api/nowhere", "GET"],
    ["a path outside the route prefix", "/echo/7", "GET"],
    ["a route value that breaks its constraint", "/api/echo/seven", "GET"],
    ["a method that the function does not take", "/api/echo/7", "DELETE"],
    ["a function that is switched off", "/api/switchedOff", "GET"],
    ["an escape that is not UTF-8", "/api/files/%ff", "GET"],
  ])("is answered 404 for %s", async (_, path, method) => {
    const response = await get(path, { method });

    expect(response.status).toBe(404);
    expect(await response.text()).toBe("");
  });

  it("hands a catch-all route value over with its slashes", async () => {
    const response = await get("/api/files/a/b%20c/d.txt");

    expect(await response.text()).toBe("a/b c/d.txt");
  });

  it("carries any bytes, both ways", async () => {
    const body = new Uint8Array(Array.from({ length: 256 }, (_, n) => n));

    const response = await get("/api/bytes", { method: "POST", body });

    expect(response.headers.get("content-type")).toBe("image/test");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(body);
  });

  it("is answered 413 when its body is longer than the limit, with and without a declared length", async () => {
    const declared = await get("/api/bytes", { method: "POST", body: "x".repeat(10_001) });
    const stream = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode("x".repeat(10_001)));
        controller.close();
      },
    });
    const chunked = await get("/api/bytes", { method: "POST", body: stream, duplex: "half" } as RequestInit);

    expect([declared.status, chunked.status]).toEqual([413, 413]);
  });

  it("joins repeated query parameters by a comma, as the host's dictionary does", async () => {
    const response = await get("/api/echo/7?a=1&a=2");

    expect(await response.json()).toMatchObject({ query: { a: "1,2" } });
  });
});

describe("an answer", () => {
  it("carries status, headers and cookies of the function, and the custom headers of host.json", async () => {
    const response = await get("/api/cookies");

    expect(response.status).toBe(201);
    expect(response.headers.get("x-own")).toBe("1");
    expect(response.headers.get("x-everywhere")).toBe("yes");
    expect(response.headers.getSetCookie()).toEqual([
      "a=b%20c; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax",
      "d=e",
    ]);
  });

  it("is 204 when the function returns nothing", async () => {
    expect((await get("/api/nothing")).status).toBe(204);
  });

  it("is an empty 500 when the function throws; the error is in the log only", async () => {
    const response = await get("/api/throws");

    expect(response.status).toBe(500);
    expect(await response.text()).toBe("");
    const entry = await log.until(({ function: name, level }) => name === "throws" && level === "error");
    expect(entry.message).toContain("the planted detail");
  });

  it("is 500 when the function returns something that is no HTTP response", async () => {
    expect((await get("/api/text")).status).toBe(500);
  });

  it("has no body for HEAD on the home page", async () => {
    const response = await get("/", { method: "HEAD" });

    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
  });

  it("says at the root that the app is up", async () => {
    const response = await get("/");

    expect(response.status).toBe(200);
    expect(await response.text()).toContain("up and running");
  });
});

describe("function keys", () => {
  it.each([
    ["locked", "no key", "", undefined, 401],
    ["locked", "a wrong key", "?code=wrong", undefined, 401],
    ["locked", "the function key as code", "?code=key-of-functions", undefined, 200],
    ["locked", "the function key as header", "", "key-of-functions", 200],
    ["locked", "the master key", "", "key-of-master", 200],
    ["locked", "a wrong header beside a right code", "?code=key-of-functions", "wrong", 401],
    ["locked", "an empty code", "?code=", undefined, 401],
    ["secret", "the function key", "?code=key-of-functions", undefined, 401],
    ["secret", "the master key", "?code=key-of-master", undefined, 200],
    ["nothing", "no key for an anonymous function", "", undefined, 204],
  ])("%s with %s", async (name, _, query, header, status) => {
    const response = await get(`/api/${name}${query}`, header ? { headers: { "x-functions-key": header } } : {});

    expect(response.status).toBe(status);
  });

  it("never appear in the log", () => {
    expect(JSON.stringify(log.entries)).not.toContain("key-of-");
  });
});

describe("hooks", () => {
  it("may swap the handler before and the result after an invocation, and share data in it", async () => {
    const response = await get("/api/hooked", { headers: { "x-swapped": "it" } });

    expect(await response.text()).toBe("wrapped: handler saw it, after pre");
  });

  it("may change what the app logs, and every entry is one line", async () => {
    await get("/api/logs");

    const entry = await log.until(({ function: name, level }) => name === "logs" && level === "warning");
    expect(entry.message).toBe("two\nlines of ***");
  });
});

describe("registration after startup", () => {
  it("is refused: the function that tries it fails", async () => {
    const response = await get("/api/late");

    expect(response.status).toBe(500);
    const entry = await log.until(({ function: name, level }) => name === "late" && level === "error");
    expect(entry.message).toContain("can only be registered during app startup");
  });
});

describe("too many requests", () => {
  it("run maxConcurrentRequests at once, wait up to maxOutstandingRequests, and are answered 429 beyond", async () => {
    const started = Date.now();

    const answers = await Promise.all(Array.from({ length: 8 }, () => get("/api/slow?ms=300")));

    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    expect(Date.now() - started).toBeGreaterThanOrEqual(590);
    expect((await get("/api/slow?ms=0")).status).toBe(200);
  });
});

describe("clients that misbehave", () => {
  it.each([
    ["no HTTP at all", "hello\r\n\r\n"],
    ["a broken header", "GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n"],
    ["a target that is no path", "GET * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"],
    ["a host that is no host", "GET /api/nothing HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n"],
  ])("get 400 for %s", async (_, text) => {
    expect(await raw(text)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("may hang up in the middle of their body: the function does not run", async () => {
    const before = log.entries.length;
    const half = request(`${url}/api/bytes`, { method: "POST", headers: { "content-length": "100" } });
    half.on("error", () => undefined);
    half.write("half");
    await sleep(50);
    half.destroy();
    await sleep(50);

    expect((await get("/api/nothing")).status).toBe(204);
    expect(log.entries.slice(before).some((entry) => entry.function === "bytes")).toBe(false);
  });

  it("may hang up before their answer: the function runs to its end", async () => {
    const aborted = get("/api/slow?ms=100", { signal: AbortSignal.timeout(30) });
    await expect(aborted).rejects.toThrow();
    const before = log.entries.length;
    await sleep(200);

    expect(log.entries.slice(before).some(({ message }) => message.startsWith("Executed (Succeeded"))).toBe(true);
  });
});

describe("the admin surface", () => {
  const admin = (path: string, init: RequestInit = {}): Promise<Response> =>
    get(`/admin/${path}`, { ...init, headers: { "x-functions-key": "key-of-master" } });

  it.each(["functions", "host/status"])("GET /admin/%s is shut without the master key", async (path) => {
    expect((await get(`/admin/${path}?code=key-of-functions`)).status).toBe(401);
  });

  it("lists the functions with their trigger, disabled ones included", async () => {
    const functions = (await (await admin("functions")).json()) as { name: string }[];

    expect(functions.find(({ name }) => name === "locked")).toMatchObject({ triggerType: "http", disabled: false });
    expect(functions.find(({ name }) => name === "switchedOff")).toMatchObject({ disabled: true });
  });

  it("says that the host runs", async () => {
    expect(await (await admin("host/status")).json()).toMatchObject({ state: "Running" });
  });

  it("answers a ping without a key", async () => {
    expect((await get("/admin/host/ping")).status).toBe(200);
  });

  it("refuses to start a function that is no timer, and knows no function that is not there", async () => {
    expect((await admin("functions/locked", { method: "POST", body: "{}" })).status).toBe(501);
    expect((await admin("functions/nowhere", { method: "POST", body: "{}" })).status).toBe(404);
  });
});
