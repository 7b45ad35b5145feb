// Timer triggers (facts/azure-local.md §2): schedule, input, status over restarts, one run at a time, one host at a time.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { LeaseStore } from "../../../infra/local/host/leases/lease-store.js";
import { makeMemoryLeases } from "../../../infra/local/host/leases/memory-leases.js";
import { type Azurite, startAzurite } from "../../support/azurite.js";
import { buildApp, removeApps } from "./apps.js";
import { type HostLog, type HostProcess, spawnHost, startTestHost } from "./hosts.js";

const TIMERS = ["everySecond", "yearly", "onStartup", "slow", "retried"];
const NEVER_SOON = "0 0 0 1 1 *";

let appDir: string;
let stop: (() => Promise<void>)[] = [];

beforeAll(async () => {
  appDir = await buildApp("timers");
});
afterEach(async () => {
  await Promise.all(stop.map((end) => end()));
  stop = [];
});
afterAll(removeApps);

const only = (timers: string[]): Record<string, string> => ({
  YEARLY: NEVER_SOON,
  LOCAL_MASTER_KEY: "master",
  ...Object.fromEntries(
    TIMERS.filter((name) => !timers.includes(name)).map((name) => [`AzureWebJobs.${name}.Disabled`, "true"]),
  ),
});

interface TimerHost {
  log: HostLog;
  url: string;
  close(): Promise<void>;
}

async function startWith(
  timers: string[],
  leases: LeaseStore = makeMemoryLeases(),
  env: Record<string, string> = {},
): Promise<TimerHost> {
  const host = await startTestHost({ appDir, leases, env: { ...only(timers), ...env } });
  stop.push(host.close);
  return host;
}

const runs = (log: HostLog): number => log.entries.filter(({ message }) => message.startsWith("Executing")).length;
const started = (log: HostLog): Promise<unknown> => log.until(({ message }) => message.startsWith("timer started"));
const succeeded = (log: HostLog): Promise<unknown> =>
  log.until(({ message }) => message.startsWith("Executed (Succeeded"));

/** A store in which a host, gone since, has kept this status. */
async function storeWith(last: string | undefined, next: string, lastUpdated: string): Promise<LeaseStore> {
  const leases = makeMemoryLeases();
  await leases.writeStatus("yearly", {
    last: last === undefined ? undefined : new Date(last),
    next: new Date(next),
    lastUpdated: new Date(lastUpdated),
  });
  return leases;
}

describe("a timer", () => {
  it("runs at each occurrence of its schedule, on the second", async () => {
    const { log } = await startWith(["everySecond"]);

    await sleep(2_100);

    const times = log.entries
      .filter(({ message }) => message.startsWith("Executing"))
      .map(({ time }) => Date.parse(time) % 1000);
    expect(times.length).toBeGreaterThanOrEqual(2);
    expect(Math.max(...times)).toBeLessThan(300);
  });

  it("gets a timer in lower camel case; more often than once a minute it is not monitored and has no status", async () => {
    const { log } = await startWith(["everySecond"]);

    await succeeded(log);

    expect(log.said("everySecond")[0]).toEqual({
      timer: { schedule: { adjustForDST: true }, scheduleStatus: null, isPastDue: false },
    });
  });

  it("runs at once with runOnStartup, then by its schedule", async () => {
    const { log } = await startWith(["onStartup"]);

    await succeeded(log);
    await sleep(200);

    expect(runs(log)).toBe(1);
    expect(log.said("onStartup")[0]).toMatchObject({ timer: { isPastDue: false } });
  });

  it("resolves %SETTING% in its schedule, and takes a time span", async () => {
    const { log } = await startWith(["yearly"], makeMemoryLeases(), { YEARLY: "00:00:00.500" });

    await sleep(1_400);

    expect(runs(log)).toBe(2);
  });

  it("never runs twice at once in one host: a run that takes too long is followed by one more, not by all it missed", async () => {
    const { log, close } = await startWith(["slow"]);

    await sleep(3_300);
    await close();

    const marks = log.entries
      .filter(({ message }) => message === "begin" || message === "end")
      .map(({ message }) => message);
    expect(marks.length).toBeGreaterThanOrEqual(4);
    expect(marks.every((mark, n) => mark === (n % 2 === 0 ? "begin" : "end"))).toBe(true);
  });

  it("is tried again by its retry policy, with a retry context, and then given up", async () => {
    const { log } = await startWith(["retried"]);

    await log.until(() => log.said("retried").length === 3);
    await sleep(200);

    expect(log.said("retried")).toEqual([
      { retry: { retryCount: 0, maxRetryCount: 2 } },
      { retry: { retryCount: 1, maxRetryCount: 2, exception: { message: "Error: asked to fail" } } },
      { retry: { retryCount: 2, maxRetryCount: 2, exception: { message: "Error: asked to fail" } } },
    ]);
  });
});

describe("a timer's status", () => {
  it("is written before the first run, so that an occurrence missed before it is past due later", async () => {
    const leases = makeMemoryLeases();

    const { log } = await startWith(["yearly"], leases);
    await started(log);

    const status = await leases.readStatus("yearly");
    expect(status?.last).toBeUndefined();
    expect(status?.next.toISOString()).toMatch(/^\d{4}-01-01T00:00:00\.000Z$/);
  });

  it("makes an occurrence that passed while no host ran past due: one run at once, with the stored status", async () => {
    const leases = await storeWith("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z", "2020-01-01T00:00:00Z");

    const { log } = await startWith(["yearly"], leases);
    await succeeded(log);
    await sleep(100);

    expect(runs(log)).toBe(1);
    expect(log.said("yearly")[0]).toMatchObject({
      timer: {
        isPastDue: true,
        scheduleStatus: { last: "2020-01-01T00:00:00.000+00:00", next: "2021-01-01T00:00:00.000+00:00" },
      },
    });
    expect((await leases.readStatus("yearly"))?.next.getTime()).toBeGreaterThan(Date.now());
  });

  it("is past due also for a timer that has never run", async () => {
    const leases = await storeWith(undefined, "2021-01-01T00:00:00Z", "2020-06-01T00:00:00Z");

    const { log } = await startWith(["yearly"], leases);
    await succeeded(log);

    expect(log.said("yearly")[0]).toMatchObject({
      timer: { isPastDue: true, scheduleStatus: { last: "0001-01-01T00:00:00+00:00" } },
    });
  });

  it("is replaced when the schedule has changed since: that is never past due", async () => {
    const leases = await storeWith("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z", "2020-01-01T00:00:00Z");

    const { log } = await startWith(["yearly"], leases);
    await started(log);
    await sleep(100);

    expect(runs(log)).toBe(0);
    expect((await leases.readStatus("yearly"))?.next.toISOString()).toMatch(/-01-01T00:00:00/);
  });
});

describe("a lease store that answers late", () => {
  it("does not end a timer whose lease ran out meanwhile and was renewed after all", { timeout: 40_000 }, async () => {
    const store = makeMemoryLeases();
    // Asked for each third of the period after an answer. Slow twice: it runs out 1.4 s before the second late answer, an occurrence falls into that
    // time, and from the answer on it is held without a break.
    const lockPeriodMs = 3_000;
    const lateMs = [0, 1_500, 1_900];
    let holds = 0;
    const hold: LeaseStore["hold"] = async (...given) => {
      const answerMs = lateMs[holds] ?? 0;
      holds += 1;
      await sleep(answerMs);
      return store.hold(...given);
    };
    const { log, close } = await startTestHost({
      appDir,
      leases: { ...store, hold },
      env: only(["everySecond"]),
      lockPeriodMs,
    });
    stop.push(close);
    await log.until(() => holds >= 4);
    const before = runs(log);

    await log.until(() => runs(log) >= before + 2);
  });
});

describe("POST /admin/functions/{timer}", () => {
  const post = (url: string): Promise<Response> =>
    fetch(`${url}/admin/functions/yearly`, { method: "POST", headers: { "x-functions-key": "master" } });

  it("runs the timer once, out of its schedule, and leaves its status alone", async () => {
    const leases = makeMemoryLeases();
    const { log, url } = await startWith(["yearly"], leases);
    await started(log);
    const before = await leases.readStatus("yearly");

    const { status } = await post(url);
    await succeeded(log);

    expect(status).toBe(202);
    expect(runs(log)).toBe(1);
    expect(await leases.readStatus("yearly")).toEqual(before);
  });

  it("says 409 for a timer that is switched off", async () => {
    const { url } = await startWith([]);

    expect((await post(url)).status).toBe(409);
  });
});

describe("hosts that share a lease store", () => {
  let azurite: Azurite;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(async () => {
    await azurite.close();
  });

  const spawn = async (hostid: string): Promise<HostProcess> => {
    const host = await spawnHost(appDir, ["--lock-period-ms", "900"], {
      ...only(["everySecond", "yearly"]),
      AzureWebJobsStorage: azurite.connectionString,
      AzureFunctionsWebHost__hostid: hostid,
    });
    stop.push(async () => {
      await host.kill("SIGKILL");
    });
    return host;
  };
  const secondsOf = (host: HostProcess): string[] =>
    host.log.entries
      .filter((entry) => entry.function === "everySecond" && entry.message.startsWith("Executing"))
      .map(({ time }) => time.slice(0, 19));

  it("run a timer in one of them only; when that one is killed the other takes over within the lock period", async () => {
    const [first, second] = await Promise.all([spawn("pair"), spawn("pair")]);
    await sleep(1_600);
    const [holder, other] = secondsOf(first).length > 0 ? [first, second] : [second, first];
    const otherBefore = secondsOf(other).length;

    await holder.kill("SIGKILL");
    await other.log.until(({ message }) => message.startsWith("Executed"));

    const all = [...secondsOf(holder), ...secondsOf(other)];
    expect(otherBefore).toBe(0);
    expect(secondsOf(holder).length).toBeGreaterThanOrEqual(1);
    expect(new Set(all).size).toBe(all.length);
  });

  it("hand a timer over at once when its host ends in order", async () => {
    const first = await spawn("orderly");
    await first.log.until(({ message }) => message.startsWith("Executing"));
    const second = await spawn("orderly");

    await first.kill("SIGTERM");
    const endedAt = Date.now();
    await started(second.log);

    expect(Date.now() - endedAt).toBeLessThan(800);
  });

  it("keep the status of a timer in the store: the next host continues it", async () => {
    const first = await spawn("status");
    await first.log.until(({ function: name, message }) => name === "yearly" && message.startsWith("timer started"));
    await first.kill("SIGKILL");

    const second = await spawn("status");
    const entry = await second.log.until(
      ({ function: name, message }) => name === "yearly" && message.startsWith("timer started"),
    );

    expect(entry.message).toMatch(/next occurrence \d{4}-01-01T00:00:00\.000Z/);
  });

  it("go on when the store goes away: HTTP is served, timers stop when their lease runs out", async () => {
    const own = await startAzurite();
    const host = await spawnHost(appDir, ["--lock-period-ms", "600"], {
      ...only(["everySecond"]),
      AzureWebJobsStorage: own.connectionString,
    });
    stop.push(async () => {
      await host.kill("SIGKILL");
    });
    await host.log.until(({ message }) => message.startsWith("Executed"));

    await own.close();
    await host.log.until(({ message }) => message.startsWith("timer stopped"));
    const before = secondsOf(host).length;
    await sleep(1_500);

    expect(secondsOf(host).length).toBe(before);
    expect((await fetch(`${host.url}/api/count`)).status).toBe(200);
  });
});
