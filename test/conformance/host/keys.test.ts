// Named keys over the admin API ("Key management API" in the wiki of azure-functions-host), on a host whose functions they open.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Azurite, startAzurite } from "../../support/azurite.js";
import { buildApp, removeApps } from "./apps.js";
import { startTestHost } from "./hosts.js";

let azurite: Azurite;
let url: string;
let close: () => Promise<void>;

const start = async (appDir: string): Promise<void> => {
  const env = { LOCAL_MASTER_KEY: "key-of-master", AzureWebJobsStorage: azurite.connectionString };
  ({ url, close } = await startTestHost({ appDir, env }));
};
let appDir: string;

beforeAll(async () => {
  azurite = await startAzurite();
  appDir = await buildApp("http", { hostJson: { version: "2.0" } });
  await start(appDir);
});
afterAll(async () => {
  await close();
  await removeApps();
  await azurite.close();
});

/** Asks the admin API; `value`: of the key to set. */
async function ask(method: string, path: string, value?: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}/admin/${path}`, {
    method,
    headers: { "x-functions-key": "key-of-master", "content-type": "application/json" },
    ...(value !== undefined && { body: JSON.stringify({ name: "ignored", value }) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}
const statusOf = async (code: string): Promise<number> => (await fetch(`${url}/api/locked?code=${code}`)).status;

describe("a key of a function", () => {
  it("is created with 201, changed with 200, and answers its name, value and address", async () => {
    const created = await ask("PUT", "functions/locked/keys/partner", "value-1");
    const changed = await ask("PUT", "functions/Locked/keys/PARTNER", "value-2");

    expect(created).toMatchObject({ status: 201, body: { name: "partner", value: "value-1" } });
    expect(created.body).toMatchObject({
      links: [{ rel: "self", href: `${url}/admin/functions/locked/keys/partner` }],
    });
    expect(changed.status).toBe(200);
    expect(await ask("GET", "functions/locked/keys/partner")).toMatchObject({ body: { value: "value-2" } });
    expect([await statusOf("value-1"), await statusOf("value-2")]).toEqual([401, 200]);
  });

  it("is valid beside others until it is deleted", async () => {
    await ask("PUT", "functions/locked/keys/old", "value-old");
    await ask("PUT", "functions/locked/keys/new", "value-new");
    const both = [await statusOf("value-old"), await statusOf("value-new")];

    const deleted = [
      await ask("DELETE", "functions/locked/keys/old"),
      await ask("DELETE", "functions/locked/keys/old"),
    ];

    expect(both).toEqual([200, 200]);
    expect(deleted.map(({ status }) => status)).toEqual([204, 404]);
    expect([await statusOf("value-old"), await statusOf("value-new")]).toEqual([401, 200]);
  });

  it("gets a value of the host's own with POST, and outlives the host", async () => {
    const { status, body } = await ask("POST", "functions/locked/keys/made");
    await close();
    await start(appDir);

    expect(status).toBe(201);
    expect(await statusOf((body as { value: string }).value)).toBe(200);
  });

  it.each([
    ["PUT", "functions/nowhere/keys/partner", "value", 404],
    ["PUT", "functions/locked/keys/partner", undefined, 400],
    ["DELETE", "functions/locked/keys/_system", undefined, 400],
    ["GET", "functions/locked/keys/nobody", undefined, 404],
    ["PATCH", "functions/locked/keys/partner", "value", 405],
    ["POST", "functions/locked/keys", undefined, 405],
    ["PUT", "host/keys/_master", "value", 501],
  ])("is refused to %s %s with value %s", async (method, path, value, status) => {
    expect((await ask(method, path, value)).status).toBe(status);
  });

  it("is nobody's business without the master key", async () => {
    const response = await fetch(`${url}/admin/functions/locked/keys`, { headers: { "x-functions-key": "value-new" } });

    expect(response.status).toBe(401);
  });
});

describe("a key of the host", () => {
  it("opens every function that asks for one, and is listed with the others of the host", async () => {
    await ask("PUT", "host/functionkeys/everywhere", "value-host");

    const { body } = await ask("GET", "host/keys");

    expect(await statusOf("value-host")).toBe(200);
    expect(body).toMatchObject({ keys: [{ name: "everywhere", value: "value-host" }] });
    expect((await fetch(`${url}/api/secret?code=value-host`)).status).toBe(401);
  });
});
