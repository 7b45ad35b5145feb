import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { contactId } from "../../infra/local/scenarios/contacts.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem;
let host: LocalProcess;

beforeAll(async () => {
  system = await startSmallSystem(5, { CAMPAIGN_CALL_SECONDS: "1" });
  host = await system.startHost();
  await system.agree();
});
afterAll(async () => {
  await system?.stop();
});

function ask(method: string, path: string, body?: unknown, key = "local-function-key"): Promise<Response> {
  return fetch(`${host.address}/api/control${path}`, {
    method,
    headers: { "x-functions-key": key, "content-type": "application/json", "x-operator": "operator-1" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

async function state(): Promise<unknown> {
  const { workflows } = (await (await ask("GET", "/status")).json()) as { workflows: { state: string }[] };
  return workflows[0]?.state;
}

describe("the control API behind the Functions host", () => {
  it("lets nobody in without the function key", async () => {
    expect((await ask("GET", "/status", undefined, "wrong")).status).toBe(401);
    expect((await ask("POST", "/workflows/ingress/stop", {}, "wrong")).status).toBe(401);
    expect(await state()).toBe("RUNNING");
  });

  it("stops the flow, which takes up afterwards what happened meanwhile", async () => {
    const stop = await ask("POST", "/workflows/ingress/stop", { drain: false });
    await eventually("STOPPED", async () => ((await state()) === "STOPPED" ? true : undefined), {
      withinMs: 20_000,
      everyMs: 200,
    });
    await system.editor.update(contactId(1), { lastname: "Meanwhile" });
    const start = await ask("POST", "/workflows/ingress/start");

    expect([stop.status, start.status]).toEqual([200, 200]);
    await system.agree();
    await eventually("RUNNING", async () => ((await state()) === "RUNNING" ? true : undefined), {
      withinMs: 20_000,
      everyMs: 200,
    });
  });

  it("decodes paths and parameters as they come over the wire, and sends files as what they are", async () => {
    const record = await ask("GET", `/records/contact/${contactId(1).toUpperCase()}`);
    const none = await ask("GET", "/failures/contact/%2e%2e%2fsettings");
    const file = await ask("GET", "/failures/export?status=open&table=contact");

    expect(await record.json()).toMatchObject({ id: contactId(1), upToDate: true });
    expect(none.status).toBe(400);
    expect(file.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    expect(file.headers.get("cache-control")).toBe("no-store");
    expect(await file.text()).toMatch(/^"table","id","status"/);
  });

  it("says in the log who asked for what, and never the key", async () => {
    const lines = system
      .logs()
      .split("\n")
      .filter((line) => line.includes('"fn":"control"'));

    expect(lines.some((line) => line.includes("POST /workflows/{workflow}/stop") && line.includes("operator-1"))).toBe(
      true,
    );
    expect(lines.join("\n")).not.toContain("local-function-key");
  });
});
