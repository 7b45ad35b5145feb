// Cookies, admission, retry delays, log lines, entry files: parts of the host with a rule or two each.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { resolveSettings } from "../../../../infra/local/host/config/app-settings.js";
import { makeAdmission } from "../../../../infra/local/host/http/admission.js";
import { formatCookie } from "../../../../infra/local/host/http/http-data.js";
import { makeHostKeys, shownKey } from "../../../../infra/local/host/keys/host-keys.js";
import { makeMemoryKeys } from "../../../../infra/local/host/keys/memory-keys.js";
import { makeLog } from "../../../../infra/local/host/log.js";
import { backOffMs, makeBusHealth } from "../../../../infra/local/host/service-bus/bus-health.js";
import { retryDelayMs } from "../../../../infra/local/host/timer/retry.js";
import { findEntryFiles } from "../../../../infra/local/host/worker/entry-files.js";

describe("a cookie", () => {
  it("is written with those attributes that are set", () => {
    expect(
      formatCookie({ name: "a", value: "b;c", expires: { value: { seconds: 0 } }, sameSite: "explicitNone" }),
    ).toBe("a=b%3Bc; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=None");
    expect(
      formatCookie({ name: "a", value: "", maxAge: { value: 0 }, secure: { value: false }, sameSite: "none" }),
    ).toBe("a=; Max-Age=0");
  });
});

describe("admission", () => {
  it("lets the next one in when a place is free again, in order, also after a failure", async () => {
    const admission = makeAdmission(1, -1);
    const order: string[] = [];
    const first = admission.enter(async () => {
      order.push("first");
      throw new Error("failed");
    });
    const second = admission.enter(async () => order.push("second"));
    const third = admission.enter(async () => order.push("third"));

    await expect(first).rejects.toThrow("failed");
    await Promise.all([second, third]);

    expect(order).toEqual(["first", "second", "third"]);
  });

  it("counts those who wait among the outstanding", async () => {
    const admission = makeAdmission(1, 2);
    const entered = [1, 2, 3].map(() => admission.enter(async () => "in"));

    expect(entered.map((entry) => entry === undefined)).toEqual([false, false, true]);
    await Promise.all(entered);
    expect(await admission.enter(async () => "in")).toBe("in");
  });
});

describe("keys", () => {
  it.each([
    ["are not there", undefined],
    ["are empty", ""],
  ])("that %s open nothing, not even for an empty key", async (_, setting) => {
    const keys = makeHostKeys({ function: setting, master: setting, store: makeMemoryKeys() });

    expect(await keys.isAllowed("function", "", "any")).toBe(false);
    expect(await keys.isAllowed("function", undefined, "any")).toBe(false);
    expect(await keys.isAllowed("admin", "")).toBe(false);
  });

  it("are taken from the header before the query", () => {
    expect(shownKey("h", new URLSearchParams("code=q"))).toBe("h");
    expect(shownKey(undefined, new URLSearchParams("code=q"))).toBe("q");
    expect(shownKey(undefined, new URLSearchParams())).toBeUndefined();
  });
});

describe("retry delays", () => {
  it("are fixed, or double from the minimum up to the maximum", () => {
    const exponential = {
      retryStrategy: "exponentialBackoff",
      minimumInterval: { seconds: 2 },
      maximumInterval: { seconds: 10 },
    } as const;

    expect(retryDelayMs({ retryStrategy: "fixedDelay", delayInterval: { seconds: 3 } }, 5)).toBe(3_000);
    expect([0, 1, 2, 3, 60].map((count) => retryDelayMs(exponential, count))).toEqual([
      2_000, 4_000, 8_000, 10_000, 10_000,
    ]);
  });
});

describe("a bus that is away", () => {
  it("is asked again after a quarter of a second, at the latest after five seconds", () => {
    expect([1, 2, 3, 6, 100].map(backOffMs)).toEqual([250, 500, 1_000, 5_000, 5_000]);
  });

  it("is mentioned at once, then every half minute, and when it is back", () => {
    let now = 0;
    const messages: string[] = [];
    const health = makeBusHealth(
      "f",
      ({ message }) => messages.push(message),
      () => now,
    );

    for (now = 0; now <= 30_000; now += 1_000) health.failed(new Error(`refused at ${now}`));
    health.recovered();
    health.recovered();

    expect(messages).toEqual([
      "Service Bus: Error: refused at 0; going on by itself",
      "Service Bus: Error: refused at 30000; going on by itself",
      "Service Bus: receiving again",
    ]);
  });
});

describe("a log line", () => {
  const lines: string[] = [];
  const options = {
    minimum: "information",
    write: (line: string) => lines.push(line),
    now: () => new Date(0),
  } as const;

  it("is one line with time, level, function, invocation and message, from the minimum level up", () => {
    const log = makeLog({ ...options, json: false });

    log({ level: "debug", message: "hidden" });
    log({ level: "warning", message: "two\r\nlines", function: "f", invocationId: "i" });
    log({ level: "information", message: "host" });

    expect(lines.splice(0)).toEqual([
      "1970-01-01T00:00:00.000Z warning f i two\\r\\nlines",
      "1970-01-01T00:00:00.000Z information host - host",
    ]);
  });

  it("is JSON on demand", () => {
    makeLog({ ...options, json: true })({ level: "error", message: "m", function: "f" });

    expect(JSON.parse(lines.pop() ?? "")).toEqual({
      time: "1970-01-01T00:00:00.000Z",
      level: "error",
      message: "m",
      function: "f",
    });
  });
});

describe("settings in a binding", () => {
  it("are put in, several in one text, and missed by name", () => {
    expect(resolveSettings("%A%-x-%B%", { A: "1", B: "2" }, "queueName")).toBe("1-x-2");
    expect(() => resolveSettings("%A%", { A: "" }, "queueName")).toThrow("queueName uses %A%");
  });
});

describe("the entry files of an app", () => {
  const find = async (pattern: string): Promise<string[]> => {
    const root = await mkdtemp(join(tmpdir(), "entry-"));
    try {
      for (const file of [
        "dist/index.js",
        "dist/index.js.map",
        "dist/f/a.js",
        "dist/f/deep/b.js",
        "dist/node_modules/x/c.js",
        "other.js",
      ]) {
        await mkdir(join(root, file, ".."), { recursive: true });
        await writeFile(join(root, file), "");
      }
      return await findEntryFiles(root, pattern);
    } finally {
      await rm(root, { recursive: true });
    }
  };

  it.each([
    ["dist/index.js", ["dist/index.js"]],
    ["./dist/index.js", ["dist/index.js"]],
    ["dist/*.js", ["dist/index.js"]],
    ["dist/{index.js,f/*.js}", ["dist/f/a.js", "dist/index.js"]],
    ["dist/**/*.js", ["dist/f/a.js", "dist/f/deep/b.js", "dist/index.js"]],
    ["dist/f/?.js", ["dist/f/a.js"]],
  ])("for %s are %j", async (pattern, expected) => {
    expect(await find(pattern)).toEqual(expected);
  });

  it("must be there, and named by what is imitated", async () => {
    await expect(find("lib/*.js")).rejects.toThrow("matches no file");
    await expect(find("dist/[ab].js")).rejects.toThrow("imitated");
  });
});
