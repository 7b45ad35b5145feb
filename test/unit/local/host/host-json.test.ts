// What of host.json is honoured, what refused (facts/azure-local.md §2).
import { describe, expect, it } from "vitest";
import { parseHostJson } from "../../../../infra/local/host/config/host-json.js";
import { HostRefusal } from "../../../../infra/local/host/config/host-refusal.js";

const serviceBus = (settings: Record<string, unknown>): unknown => ({
  version: "2.0",
  extensions: { serviceBus: settings },
});

describe("a host.json", () => {
  it("with nothing but its version gets the defaults of the real host", () => {
    const { functionTimeout, extensions } = parseHostJson({ version: "2.0" });

    expect(functionTimeout).toBe(1_800_000);
    expect(extensions.http).toMatchObject({
      routePrefix: "api",
      maxConcurrentRequests: -1,
      maxOutstandingRequests: -1,
    });
    expect(extensions.serviceBus).toMatchObject({
      autoCompleteMessages: true,
      maxConcurrentSessions: 8,
      maxConcurrentCallsPerSession: 1,
      maxAutoLockRenewalDuration: 300_000,
      maxMessageBatchSize: 1000,
      minMessageBatchSize: 1,
      maxBatchWaitTime: 30_000,
      clientRetryOptions: { mode: "exponential", tryTimeout: 60_000, delay: 800, maxDelay: 60_000, maxRetries: 3 },
    });
    expect(extensions.serviceBus.sessionIdleTimeout).toBeUndefined();
  });

  it("has what it says honoured, times as milliseconds", () => {
    const parsed = parseHostJson({
      version: "2.0",
      functionTimeout: "00:10:00",
      extensionBundle: { id: "x", version: "[4.*, 5.0.0)" },
      logging: { logLevel: { default: "Warning" }, applicationInsights: { samplingSettings: { isEnabled: true } } },
      concurrency: { dynamicConcurrencyEnabled: false },
      singleton: { listenerLockPeriod: "00:00:20" },
      extensions: { serviceBus: { sessionIdleTimeout: "00:00:05", clientRetryOptions: { tryTimeout: "00:00:10" } } },
    });

    expect(parsed.functionTimeout).toBe(600_000);
    expect(parsed.singleton.listenerLockPeriod).toBe(20_000);
    expect(parsed.extensions.serviceBus).toMatchObject({
      sessionIdleTimeout: 5_000,
      clientRetryOptions: { tryTimeout: 10_000, delay: 800 },
    });
  });

  it("may lift the function time-out by -1", () => {
    expect(parseHostJson({ version: "2.0", functionTimeout: "-1" }).functionTimeout).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    [
      "the old session layout",
      serviceBus({ sessionHandlerOptions: { maxConcurrentSessions: 1 } }),
      "sessionHandlerOptions is the old layout",
    ],
    ["the old message layout", serviceBus({ messageHandlerOptions: {} }), "messageHandlerOptions is the old layout"],
    ["the old batch layout", serviceBus({ batchOptions: {} }), "batchOptions is the old layout"],
    ["prefetch", serviceBus({ prefetchCount: 10 }), "prefetchCount: only 0 here"],
    ["transactions", serviceBus({ enableCrossEntityTransactions: true }), "enableCrossEntityTransactions"],
    ["web sockets", serviceBus({ transportType: "amqpWebSockets" }), "only amqpTcp here"],
    [
      "an unknown Service Bus setting",
      serviceBus({ maxSessions: 1 }),
      "extensions.serviceBus.maxSessions: not imitated",
    ],
    ["an unknown extension", { version: "2.0", extensions: { queues: {} } }, "extensions.queues: not imitated"],
    ["an unknown setting", { version: "2.0", healthMonitor: {} }, "healthMonitor: not imitated"],
    [
      "dynamic concurrency",
      { version: "2.0", concurrency: { dynamicConcurrencyEnabled: true } },
      "dynamicConcurrencyEnabled: only false",
    ],
    [
      "dynamic throttles",
      { version: "2.0", extensions: { http: { dynamicThrottlesEnabled: true } } },
      "dynamicThrottlesEnabled",
    ],
    ["another version", { version: "1.0" }, "version"],
    ["a time that is none", { version: "2.0", functionTimeout: "5 minutes" }, "functionTimeout"],
    ["a count of nothing", serviceBus({ maxConcurrentSessions: 0 }), "maxConcurrentSessions"],
    ["no object at all", [], "(whole file)"],
  ])("with %s is refused, naming it", (_, content, expected) => {
    expect(() => parseHostJson(content)).toThrow(expected);
  });

  it("has all its problems named at once", () => {
    const content = { version: "2.0", a: 1, b: 2, extensions: { http: { c: 3 } } };

    const problems = (() => {
      try {
        parseHostJson(content);
        return [];
      } catch (error) {
        return error instanceof HostRefusal ? error.problems : [];
      }
    })();

    expect(problems).toHaveLength(3);
  });
});

describe("overrides by AzureFunctionsJobHost__ settings", () => {
  it("win over the file, make missing parts, and come as numbers and truth values", () => {
    const environment = {
      AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentSessions: "32",
      AzureFunctionsJobHost__extensions__serviceBus__autoCompleteMessages: "false",
      AzureFunctionsJobHost__functionTimeout: "00:01:00",
    };

    const parsed = parseHostJson(serviceBus({ maxConcurrentSessions: 4 }), environment);

    expect(parsed.extensions.serviceBus).toMatchObject({ maxConcurrentSessions: 32, autoCompleteMessages: false });
    expect(parsed.functionTimeout).toBe(60_000);
  });

  it("are refused like the file's own settings", () => {
    expect(() =>
      parseHostJson({ version: "2.0" }, { AzureFunctionsJobHost__extensions__serviceBus__batchOptions: "1" }),
    ).toThrow("old layout");
  });
});
