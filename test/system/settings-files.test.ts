// npm run settings as a process of its own, against the local runtime.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../infra/local/people.js";
import { runSettings, type SettingsRun } from "../support/run-settings.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem;
let root: string;

beforeAll(async () => {
  system = await startSmallSystem(3);
  const host = await system.startHost();
  await system.register(host);
  await system.agree();
  root = join(system.runtime.logDirectory, "settings");
  mkdirSync(root, { recursive: true });
  const local = { url: `${host.address}/api`, values: { source: "(crm)" } };
  writeFileSync(join(root, "environments.json"), JSON.stringify({ local }));
});
afterAll(() => system.stop(), 60_000);

function run(command: string, ...args: string[]): Promise<SettingsRun> {
  const places = ["--folder", join(root, "mappings"), "--environments", join(root, "environments.json")];
  const key = String(system.runtime.settings.LOCAL_FUNCTION_KEY);
  return runSettings([command, "--env", "local", ...places, ...args], { CONTROL_KEY_LOCAL: key });
}

const lastNames = async (): Promise<unknown[]> =>
  (await system.observer.profiles()).map(({ lastName }) => lastName).sort();

describe("npm run settings against the whole local runtime", () => {
  it("pulls, plans, publishes what then holds in Campaign, and rolls it back", { timeout: 120_000 }, async () => {
    const before = await lastNames();
    const wanted = before.map((name) => `${String(name)} (crm)`);
    const contact = join(root, "mappings", "contact.json");

    const pulled = await run("pull");
    const document = JSON.parse(readFileSync(contact, "utf8")) as { fields: Record<string, unknown>[] };
    const fields = document.fields.map((field) => {
      const source = { concat: [{ column: "lastname" }, { constant: { $env: "source" } }], separator: " " };
      return field.target === "lastName" ? { ...field, source } : field;
    });
    writeFileSync(contact, `${JSON.stringify({ ...document, fields }, undefined, 2)}\n`);
    const planned = await run("plan");
    const published = await run("publish", "--note", "source", "--by", "ada");
    const changed = await eventually("names with their source", async () => {
      const names = await lastNames();
      return JSON.stringify(names) === JSON.stringify(wanted) ? names : undefined;
    });
    const again = await run("publish");
    const back = await run("rollback", "--version", "1");
    await system.agree();

    expect([pulled, planned, published, again, back].map(({ code }) => code)).toEqual([0, 2, 0, 0, 0]);
    expect(published.out).toMatch(/published as version 2; replay ordered: contact\n(.*\n)*local: works by it/);
    expect(again.out).toContain("nothing differs");
    expect(changed).toEqual(wanted);
    expect(await lastNames()).toEqual(before);
  });
});
