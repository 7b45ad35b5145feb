// A trigger that stands still, and one change followed through every log line, in the local runtime.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeOperator } from "../../infra/local/operator.js";
import { eventually } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { inventContact } from "../../infra/local/scenarios/contacts.js";
import { startHttpServer, type TestServer } from "../support/http-server.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

interface Line {
  event: string;
  facts: Record<string, unknown>;
}

let system: SmallSystem;
let host: LocalProcess;
let collector: TestServer;
const { contactid: contact } = inventContact(0);

beforeAll(async () => {
  const limits = JSON.stringify({ quietMinutes: 0.1 });
  collector = await startHttpServer((response) => response.writeHead(200).end("{}"));
  const settings = { MONITOR_LIMITS: limits, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.href };
  system = await startSmallSystem(3, { MONITOR_SCHEDULE: "*/1 * * * * *", ...settings }, 1_000);
  host = await system.startHost();
  await system.register(host);
  await system.agree();
});
afterAll(async () => {
  await system?.stop();
  await collector?.close();
});

/** What the app logged, in the order of its files. */
const lines = (): Line[] =>
  [...system.logs().matchAll(/([a-z][a-z ]+) (\{"fn":.*\})$/gm)].map(([, event = "", facts = "{}"]) => ({
    event,
    facts: JSON.parse(facts),
  }));
const linesOf = (event: string, facts: Record<string, unknown>): Line[] =>
  lines().filter(
    (line) => line.event.endsWith(event) && Object.entries(facts).every(([name, value]) => line.facts[name] === value),
  );
const some = (event: string, facts: Record<string, unknown>) => async () => linesOf(event, facts)[0];

/** What an operator sees who looks from a terminal. */
async function inspect(): Promise<string> {
  const env = { ...process.env, ...system.runtime.settings };
  const args = ["--import", "tsx", "infra/local/inspect/main.ts"];
  return (await promisify(execFile)(process.execPath, args, { env })).stdout;
}

describe("the monitor's numbers", () => {
  it("come as a line of each kind and, where a collector is named, there too", async () => {
    // Counts are told from the first look on.
    await eventually("a look", some("measured backlog", { fn: "monitor" }));
    await system.editor.update(String(contact), { lastname: "Ahornberg" });
    const line = await eventually("the lag", some("measured lag", { fn: "monitor" }), { withinMs: 60_000 });
    const kinds = new Set(lines().flatMap(({ event }) => /measured (\w+)$/.exec(event)?.[1] ?? []));
    const posted = await eventually("metrics", async () =>
      collector.requests.find(({ body }) => body.includes('"name":"sync.lag"')),
    );

    expect(Object.keys(line.facts).filter((name) => name.startsWith("lag."))).not.toEqual([]);
    expect([...kinds]).toEqual(expect.arrayContaining(["backlog", "checkpoints", "flows", "calls", "lag", "state"]));
    expect(posted.path).toBe("/v1/metrics");
  });
});

describe("a change that is followed by its correlation id", () => {
  it("has the id that Dynamics gave it in the line of the notice and in that of the write", async () => {
    await system.editor.update(String(contact), { lastname: "Neuhaus" });
    const noticed = await eventually("the notice", some("notice queued", { id: contact }));
    const { correlation } = noticed.facts;

    const written = await eventually("the write", some("change", { id: contact, correlation }));

    expect(correlation).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect(written.facts).toMatchObject({ fn: "ingress-write", cause: "notice" });
  });

  it("has an id of the sweep's page when its notice was lost", async () => {
    const { contactid: other } = inventContact(1);
    await system.observer.fault("dataverse", { on: "webhook", drop: true });
    await system.editor.update(String(other), { lastname: "Castellmar" });

    const written = await eventually("the write", some("change", { id: other, cause: "sweep", outcome: "updated" }));
    await system.observer.clearFaults("dataverse");

    expect(written.facts.correlation).toMatch(/^sweep-[0-9a-f]{16}$/);
    expect(linesOf("notice queued", { id: other })).toEqual([]);
  });
});

describe("B27: a trigger that takes nothing while messages wait", () => {
  it("is named in the log, the status and health while timers run elsewhere, and no more once it works again", async () => {
    const timers = await system.runtime.startHost("host-2", { "AzureWebJobs.ingress-write.Disabled": "true" });
    const key = String(system.runtime.settings.LOCAL_FUNCTION_KEY);
    const { send } = makeOperator(() => timers.address, key);
    const alarms = async () =>
      ((await send("GET", "/status")) as { monitor: { alarms: { code: string; about?: string }[] } }).monitor.alarms;
    await host.kill();
    await system.editor.update(String(contact), { lastname: "Birkholz" });

    const alarm = await eventually("the alarm", some("alarm", { code: "queue-stalled" }), { withinMs: 60_000 });
    const named = await alarms();
    const health = await fetch(`${timers.address}/api/health`, { headers: { "x-functions-key": key } });
    const said = (await health.json()) as { status: string; alarms: { code: string }[] };
    const seen = await inspect();
    host = await system.startHost();
    await system.agree();
    await eventually("its end", some("alarm over", { code: "queue-stalled", about: "changes" }), { withinMs: 60_000 });

    expect(alarm.facts).toMatchObject({ fn: "monitor", about: "changes", fix: expect.stringContaining("restart") });
    expect(named).toContainEqual(expect.objectContaining({ code: "queue-stalled", about: "changes" }));
    expect([health.status, said.status]).toEqual([200, "ok"]);
    expect(said.alarms).toContainEqual(expect.objectContaining({ code: "queue-stalled" }));
    expect(seen).toMatch(/^ERROR queue-stalled changes since \S+: 1 messages wait.* restart the app/m);
    expect((await alarms()).map(({ code }) => code)).not.toContain("queue-stalled");
  }, 200_000);
});
