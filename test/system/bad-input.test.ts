import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildApp } from "../../infra/build.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { eventually } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { startProcess } from "../../infra/local/processes.js";
import { contactId } from "../../infra/local/scenarios/contacts.js";
import { makeServiceBusClient } from "../../shared/messaging/service-bus-client.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

/** Values that only ever stand in a contact: they must never be seen in a log or a table. */
const planted = {
  firstname: "Plantedfirst",
  lastname: "Plantedlast",
  emailaddress1: "planted.person@example.com",
  mobilephone: "+49 30 5550999",
  address1_line1: "Plantedstreet 7",
};

let system: SmallSystem;
let host: LocalProcess;
const key = "local-function-key";

beforeAll(async () => {
  system = await startSmallSystem(5);
  host = await system.startHost();
  await system.register(host);
  await system.agree();
});
afterAll(async () => {
  await system?.stop();
});

function post(body: string, query = `?code=${key}`, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${host.address}/api/ingress-webhook${query}`, { method: "POST", body, headers });
}

function aContext(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    CorrelationId: "158cf2d3-ad9b-4831-aef0-3a69720ae19b",
    MessageName: "Update",
    OrganizationId: WELL_KNOWN.organization,
    PrimaryEntityName: "contact",
    PrimaryEntityId: contactId(0),
    InputParameters: [{ key: "Target", value: { Attributes: [{ key: "lastname", value: planted.lastname }] } }],
    SharedVariables: [],
    ...changes,
  });
}

describe("the webhook", () => {
  it.each([
    ["no key", "", {}],
    ["a wrong key", "?code=wrong", {}],
    ["a wrong key in the header", "", { "x-functions-key": "wrong" }],
  ])("answers 401 to %s", async (_what, query, headers: Record<string, string>) => {
    expect((await post(aContext(), query, headers)).status).toBe(401);
  });

  it.each([
    ["what is not JSON", `{"lastname": "${planted.lastname}"`],
    ["JSON that is no notice", JSON.stringify({ contact: planted })],
    ["a notice without a row's id", aContext({ PrimaryEntityId: planted.emailaddress1 })],
    ["an empty body", ""],
  ])("answers 400 to %s, without repeating it", async (_what, body) => {
    const response = await post(body);

    expect(response.status).toBe(400);
    expect(await response.text()).not.toMatch(/planted/i);
  });

  it("refuses another organisation's notice with 403", async () => {
    const response = await post(aContext({ OrganizationId: "11111111-1111-4111-8111-111111111111" }));

    expect(response.status).toBe(403);
  });

  it("answers a notice of a table that no mapping names, and reports it", async () => {
    const response = await post(aContext({ PrimaryEntityName: "account" }));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ outcome: "ignored", reason: "table-not-mapped" });
    await eventually("the report", async () => /notice ignored.*"table":"account"/.test(system.logs()) || undefined);
  });

  it("answers 503 while the bus is away, and works on when it is back", async () => {
    await system.runtime.kill("bus");
    const away = await post(aContext());
    await system.runtime.restart("bus");
    const back = await eventually(
      "the webhook to take notices again",
      async () => {
        const response = await post(aContext());
        return response.status === 202 ? response.status : undefined;
      },
      { withinMs: 60_000, everyMs: 500 },
    );

    expect(away.status).toBe(503);
    expect(back).toBe(202);
  });
});

describe("a contact that Campaign refuses", () => {
  it("becomes a failure that names the field, and holds up no other contact", async () => {
    const body = { error_code: "RST-360011", message: "'fax' property is not valid for the 'profile' resource." };
    const on = `PATCH /profile/${contactId(1)}`;
    // Not once: the sweep brings the same version again within a second, and its success would end the failure.
    await system.observer.fault("campaign", { on, answer: { status: 500, body } });

    await system.editor.update(contactId(1), { lastname: "Abgelehnt" });
    await system.editor.update(contactId(2), { lastname: "Nachbar" });

    const failure = await eventually("the failure", async () => {
      for await (const found of system.state.failures.list("open")) if (found.id === contactId(1)) return found;
      return undefined;
    });
    await eventually("the neighbour to arrive", async () => {
      const profiles = await system.observer.profiles();
      return profiles.some(({ lastName }) => lastName === "Nachbar") || undefined;
    });
    expect(failure).toMatchObject({ code: "unknown-field", message: expect.stringContaining("fax") });
  });
});

describe("a message on the queue that nobody can read", () => {
  it("is given up by the platform after ten deliveries and becomes a failure, so that there is one place to look", async () => {
    const client = makeServiceBusClient({ connectionString: String(system.runtime.settings.SERVICEBUS) });
    const message = { body: planted, sessionId: "lane-0", messageId: "unreadable-1" };
    await client.createSender("changes").sendMessages(message);
    await client.close();

    const failure = await eventually("the failure", async () => {
      for await (const found of system.state.failures.list("open")) if (found.reason === "dead-letter") return found;
      return undefined;
    });

    expect(failure).toMatchObject({ code: "MaxDeliveryCountExceeded", correlationId: "unreadable-1" });
  });
});

describe("what is kept and logged", () => {
  it("holds no value of a contact, no body and no token", async () => {
    await system.editor.update(contactId(3), planted);
    await eventually("the planted contact to arrive", async () => {
      const profiles = await system.observer.profiles();
      return profiles.some(({ email }) => email === planted.emailaddress1) || undefined;
    });
    // Campaign's own words quote the value: errors are where values leak.
    const message = `The value '${planted.lastname}' is not valid for the 'nms:recipient:gender' enumeration of the '@gender' field`;
    const body = { error_code: "RST-360011", message };
    const on = `PATCH /profile/${contactId(3)}`;
    await system.observer.fault("campaign", { on, answer: { status: 500, body } });
    await system.editor.update(contactId(3), { ...planted, lastname: `${planted.lastname}two` });
    await post(aContext({ PrimaryEntityId: "planted" }));
    await eventually("the refusal to be kept", async () => {
      for await (const failure of system.state.failures.list("open")) if (failure.id === contactId(3)) return failure;
      return undefined;
    });

    const kept = JSON.stringify(await system.state.everything());
    const logs = system.logs();

    for (const text of [kept, logs]) {
      expect(text).not.toMatch(/planted/i);
      expect(text).not.toContain(planted.mobilephone);
      expect(text).not.toMatch(/Bearer |eyJ[A-Za-z0-9_-]{10}/);
      expect(text).not.toContain(system.runtime.settings.CAMPAIGN_CLIENT_SECRET);
      expect(text).not.toContain(system.runtime.settings.FINGERPRINT_KEY);
      expect(text).not.toContain(key);
    }
    expect(kept).toContain(contactId(3));
    expect(logs).toContain(contactId(3));
  });
});

describe("the deployable bundle", () => {
  it("starts from a folder that holds nothing but package.json, host.json and itself", async () => {
    const directory = await emptyApp();

    const env = { ...process.env, ...system.runtime.settings };
    execFileSync(process.execPath, ["-e", "require('./dist/main.cjs')"], { cwd: directory, stdio: "pipe", env });
  });

  it("with wrong settings runs nothing but health, which names every problem, and a closed webhook; it ends with exit code 1", async () => {
    const directory = await emptyApp();
    const broken = await startProcess({
      name: "host",
      script: "infra/local/host/main.ts",
      args: ["--app", directory, "--port", "0"],
      env: { ...system.runtime.settings, DYNAMICS_URL: "https://evil.test", LANES: "99", CAMPAIGN_TENANT: "" },
    });

    const health = await fetch(`${broken.address}/api/health?code=${key}`);
    const webhook = await fetch(`${broken.address}/api/ingress-webhook?code=${key}`, {
      method: "POST",
      body: aContext(),
    });
    const functions = (await (
      await fetch(`${broken.address}/admin/functions?code=${system.runtime.settings.LOCAL_MASTER_KEY}`)
    ).json()) as { name: string }[];
    const how = await broken.stop();

    const answer = (await health.json()) as { status: string; problems: { setting: string; fix: string }[] };
    expect(health.status).toBe(503);
    expect(answer.problems.map(({ setting }) => setting).sort()).toEqual(["CAMPAIGN_TENANT", "DYNAMICS_URL", "LANES"]);
    expect(answer.problems.every(({ fix }) => fix.length > 10)).toBe(true);
    expect(webhook.status).toBe(503);
    expect(functions.map(({ name }) => name).sort()).toEqual(["health", "ingress-webhook"]);
    expect(how).toBe("exit code 1");
  });
});

async function emptyApp(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "app-"));
  mkdirSync(join(directory, "dist"));
  await buildApp(join(directory, "dist", "main.cjs"));
  copyFileSync("host.json", join(directory, "host.json"));
  copyFileSync("package.json", join(directory, "package.json"));
  return directory;
}
