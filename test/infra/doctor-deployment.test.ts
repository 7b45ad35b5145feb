import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checksOf } from "../../infra/doctor/doctor.js";
import { runChecks } from "../../infra/doctor/run-checks.js";
import { seenBy, troubles } from "../support/doctor-world.js";
import { startHttpServer, type TestServer } from "../support/http-server.js";

const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
const sound = {
  health: {
    status: "ok",
    checks: ["dynamics and tables", "campaign", "service bus"].map((name) => ({ name, ok: true, ms: 5 })),
    checkpoints: [],
  },
  status: {
    at: minutesAgo(0),
    workflows: [{ name: "ingress", state: "RUNNING", reasons: [], wanted: "running", drain: false }],
    settingsVersion: 1,
    lastSweepAt: minutesAgo(1),
    backlog: { waiting: 3, orMore: false, lanes: {} },
    tables: [
      {
        table: "contact",
        resource: "profile",
        state: "RUNNING",
        changes: { phase: "following", lookedAt: minutesAgo(1) },
      },
    ],
    failures: { open: 0, orMore: false },
    gates: [{ peer: "campaign", state: "open" }],
  },
};

/** What the app answers, by path; a number is a status without a body. `open`: to whom has no key, too. */
interface Answers {
  health?: unknown;
  status?: unknown;
  webhook?: number;
  isOpen?: boolean;
}

let server: TestServer;
let answers: Answers;
beforeEach(async () => {
  answers = {};
  server = await startHttpServer((response) => {
    const request = server.requests.at(-1);
    const hasKey = request?.headers["x-functions-key"] === "the-key";
    reply(response, answerTo(request?.path ?? "", hasKey));
  });
});
afterEach(() => server.close());

function answerTo(path: string, hasKey: boolean): unknown {
  if (path === "/api/ingress-webhook") return hasKey || answers.isOpen ? 400 : (answers.webhook ?? 401);
  if (!hasKey && !answers.isOpen) return 401;
  if (path === "/api/health") return answers.health ?? sound.health;
  if (path === "/api/control/status") return answers.status ?? sound.status;
  return 404;
}

function reply(response: ServerResponse, answer: unknown): void {
  if (typeof answer === "number") response.writeHead(answer).end();
  else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
}

async function diagnose(given: Answers = {}, key = "the-key", path = "api") {
  answers = given;
  const checks = checksOf({
    environment: { CONTROL_KEY: key },
    only: new Set(["deployment"]),
    url: `${server.url}${path}`,
    mappings: [],
    language: 1033,
    name: "acs-sync",
    clientId: undefined,
    canary: false,
    ownVersion: "0.1.0",
  });
  return new Map((await runChecks(checks)).map((check) => [check.name, check]));
}
const statusWith = (changes: Record<string, unknown>) => ({
  status: { ...sound.status, ...changes },
});
const ingress = (changes: Record<string, unknown>) =>
  statusWith({ workflows: [{ ...sound.status.workflows[0], ...changes }] });

describe("the doctor of a deployment", () => {
  it("finds nothing wrong with an app at work", async () => {
    const found = await diagnose();

    expect(troubles(found)).toEqual([]);
    expect(seenBy(found, "doors")).toContain("the webhook: closed without a key (401)");
    expect(seenBy(found, "checkpoints")).toMatch(/^ok: 1 tables/);
  });

  it("sends nothing to the webhook and the key to nobody but health and control", async () => {
    await diagnose();

    const posts = server.requests.filter(({ method }) => method !== "GET");
    expect(posts.map(({ path, body, headers }) => [path, body, headers["x-functions-key"]])).toEqual([
      ["/api/ingress-webhook", "", undefined],
    ]);
  });

  it("asks for the key when there is none, and nothing of the app", async () => {
    const found = await diagnose({}, "");

    expect(troubles(found)).toEqual([expect.stringMatching(/^fail: CONTROL_KEY is not set/)]);
    expect(server.requests).toEqual([]);
  });

  it.each([
    ["a key that is not accepted", () => diagnose({}, "old-key"), /refuses the key \(401\) → Set CONTROL_KEY/],
    ["an address without an app", () => diagnose({}, "the-key", "wrong/api"), /there is no .*\/health \(404\)/],
    ["a host that does not start", () => diagnose({ health: 500 }), /answers 500 → .*log stream/],
  ])("names %s, and asks nothing more", async (_what, ask, said) => {
    const found = await ask();

    expect(troubles(found)).toEqual([expect.stringMatching(said)]);
    expect(seenBy(found, "workflows")).toBe("skipped: not asked: app comes first");
  });

  it("names an address where nobody answers", async () => {
    await server.close();

    expect(troubles(await diagnose())).toEqual([expect.stringMatching(/^fail: nobody answers at http.*ECONNREFUSED/)]);
  });

  it("names every setting that keeps the app from starting", async () => {
    const problem = { setting: "CAMPAIGN_TENANT", problem: "is missing", fix: "Set it: the instance." };

    const found = await diagnose({ health: { status: "settings", problems: [problem] }, status: 404, webhook: 404 });

    expect(troubles(found, "app-settings")).toEqual([
      expect.stringMatching(/^fail: CAMPAIGN_TENANT is missing → Set it/),
    ]);
    expect(seenBy(found, "peers")).toMatch(/^skipped/);
    expect(troubles(found, "doors")).toEqual([expect.stringMatching(/^fail: the webhook: there is no .*404/)]);
  });

  it("names a peer that the app itself does not reach, with what to look at", async () => {
    const checks = [{ name: "campaign", ok: false, problem: "ims refused the credentials" }];

    const found = await diagnose({ health: { ...sound.health, status: "degraded", checks } });

    expect(troubles(found)).toEqual([
      expect.stringMatching(/^fail: campaign: ims refused the credentials → .*campaign-client-secret/),
    ]);
  });

  it("says which version is there, where the app says it", async () => {
    const older = await diagnose({ health: { ...sound.health, version: "0.0.9" } });
    const same = await diagnose({ health: { ...sound.health, version: "0.1.0" } });

    expect(troubles(older)).toEqual([expect.stringMatching(/^warn: the app is version 0.0.9, this doctor 0.1.0/)]);
    expect(seenBy(same, "version")).toBe("ok: 0.1.0");
  });

  it("names doors that are open to whoever has no key", async () => {
    const found = await diagnose({ isOpen: true });

    expect(troubles(found, "doors")).toEqual([
      expect.stringMatching(/^fail: the webhook: .* answers 400 to whoever has no key/),
      expect.stringMatching(/^fail: the control API: .* answers 200/),
      expect.stringMatching(/^fail: health: .* answers 200/),
    ]);
  });

  it.each([
    [
      "has failed",
      ingress({ state: "FAILED", reasons: ["no sweep has finished"] }),
      /^fail: ingress has failed: no sweep/,
    ],
    ["starts", ingress({ state: "STARTING" }), /^warn: ingress is starting/],
    [
      "was stopped an hour ago",
      ingress({ state: "STOPPED", wanted: "stopped", since: minutesAgo(60), by: "operator-1" }),
      /^warn: ingress is stopped since .* by operator-1 → POST .*ingress\/start/,
    ],
    [
      "runs with a closed gate",
      ingress({ reasons: ["calls to campaign are held back"] }),
      /^warn: ingress is running: calls/,
    ],
  ])("says of a workflow that it %s", async (_what, given, said) => {
    expect(troubles(await diagnose(given), "workflows")).toEqual([expect.stringMatching(said)]);
  });

  it("finds nothing wrong with a workflow of which nothing is switched on", async () => {
    const idle = { ...sound.status.workflows[0], name: "egress", state: "STOPPED", reasons: ["no type is on"] };

    const found = await diagnose(statusWith({ workflows: [...sound.status.workflows, idle] }));

    expect(seenBy(found, "workflows")).toBe("ok: ingress is running; egress has nothing to do: no type is on");
  });

  it("names a table that nobody has looked at for long, which is how a trigger stands still (B27)", async () => {
    const tables = [{ ...sound.status.tables[0], changes: { phase: "following", lookedAt: minutesAgo(24 * 60) } }];

    expect(troubles(await diagnose(statusWith({ tables })))).toEqual([
      expect.stringMatching(/^fail: the last look at contact was 1440 minutes ago → .*ingress-sweep/),
    ]);
  });

  it("warns of a parked table, messages that pile up, closed gates and open failures", async () => {
    const found = await diagnose(
      statusWith({
        tables: [{ ...sound.status.tables[0], state: "PARKED", parked: { reason: "25 equal errors" } }],
        backlog: { waiting: 2_000, orMore: true, lanes: {} },
        gates: [{ peer: "campaign", state: "closed", reason: "503" }],
        failures: { open: 7, orMore: false },
      }),
    );

    expect(troubles(found)).toEqual([
      expect.stringMatching(/^warn: contact is parked: 25 equal errors/),
      expect.stringMatching(/^warn: calls to campaign are held back: 503/),
      expect.stringMatching(/^warn: 2000 or more messages wait/),
      expect.stringMatching(/^warn: 7 records failed/),
    ]);
  });

  it("shows the alarms of the app's own monitor, a monitor that stands still, and a dry run", async () => {
    const alarm = {
      code: "sweep-stalled",
      message: "no sweep for an hour",
      fix: "Restart the app.",
      since: minutesAgo(60),
    };
    const alarms = [
      { ...alarm, level: "error" },
      { ...alarm, code: "secret-ends", level: "warn" },
    ];

    const found = await diagnose(
      statusWith({ monitor: { lookedAt: minutesAgo(30), alarms }, dryRun: { number: 1, startedAt: minutesAgo(90) } }),
    );

    expect(troubles(found)).toEqual([
      expect.stringMatching(/^fail: sweep-stalled since .*: no sweep for an hour → Restart the app/),
      expect.stringMatching(/^warn: secret-ends/),
      expect.stringMatching(/^warn: the app is on a dry run since/),
      expect.stringMatching(/^fail: the monitor itself has not looked since/),
    ]);
  });

  it("fails what is not the app's status", async () => {
    expect(troubles(await diagnose({ status: { other: true } }), "backlog")).toEqual([
      expect.stringMatching(/^fail: the app answers 200 to \/control\/status, and not its status/),
    ]);
  });
});
