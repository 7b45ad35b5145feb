import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readEnvironment, readKey } from "../../infra/settings/environments.js";
import { runSettings, type SettingsRun } from "../support/run-settings.js";
import { branded, type ManagedApps, makeManagedApps, settingsKey } from "../support/settings-apps.js";

let apps: ManagedApps;
let file: string;
beforeEach(() => {
  apps = makeManagedApps();
  file = join(apps.root, "environments.json");
});
afterEach(() => apps.close());

const environments = (content: unknown): void =>
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));

const run = (...args: string[]): Promise<SettingsRun> =>
  runSettings([...args, "--environments", file, "--folder", apps.folder], {
    CONTROL_KEY_STAGE: settingsKey,
    CONTROL_KEY_EU_PROD: settingsKey,
  });

describe("npm run settings", () => {
  it("pulls, plans, publishes and promotes, and its exit codes say whether something differs", {
    timeout: 60_000,
  }, async () => {
    const [stage, prod] = [await apps.app("stage"), await apps.app("eu-prod")];
    environments({
      stage: { url: stage.environment.url, values: { brand: "Contoso (test)" } },
      "eu-prod": { url: prod.environment.url, values: { brand: "Contoso" } },
    });

    const pulled = await run("pull", "--env", "stage");
    apps.write("contact", branded({ $env: "brand" }));
    const planned = await run("plan", "--env", "stage");
    const published = await run("publish", "--env", "stage", "--note", "brand", "--by", "ada");
    const promoted = await run("promote", "--from", "stage", "--to", "eu-prod");
    const made = await run("promote", "--from", "stage", "--to", "eu-prod", "--publish", "--over", "1");
    const again = await run("promote", "--from", "stage", "--to", "eu-prod");

    const codes = [pulled, planned, published, promoted, made, again].map(({ code }) => code);
    expect(codes).toEqual([0, 2, 0, 2, 0, 0]);
    expect(await stage.brand()).toEqual({ constant: "Contoso (test)" });
    expect(await prod.brand()).toEqual({ constant: "Contoso" });
    expect(again.out).toContain("nothing differs");
  });

  it("ends with 1 and each problem of the app by its path when a roll-back is refused", async () => {
    const stage = await apps.app("stage");
    environments({ stage: { url: stage.environment.url } });

    const { code, error } = await run("rollback", "--env", "stage", "--version", "9");

    expect(code).toBe(1);
    expect(error).toContain("stage, GET /settings/9: there is no such version of the settings");
  });

  it.each([
    [["plan"], "usage: npm run settings"],
    [["publish", "--env", "stage", "--over", "x"], "x is no version"],
    [["frobnicate", "--env", "stage"], "usage: npm run settings"],
    [["plan", "--env", "stage", "--fore"], "Unknown option '--fore'"],
  ])("says how it is called after %j", async (args, expected) => {
    environments({ stage: { url: "https://stage.test/api" } });

    const { code, error } = await run(...args);

    expect(code).toBe(1);
    expect(error).toContain(expected);
    expect(error).not.toContain("    at ");
  });
});

describe("environments", () => {
  it("have an address, values and a key that is in no file", () => {
    environments(
      `\uFEFF{ "eu-prod": { "url": "https://app.test/api/", "values": { "brand": 0 }, "language": 1031 } }\r\n`,
    );

    expect(readEnvironment(file, "eu-prod")).toEqual({
      name: "eu-prod",
      url: "https://app.test/api",
      values: { brand: 0 },
      language: 1031,
    });
    expect(readKey("eu-prod", { CONTROL_KEY_EU_PROD: " k\n" })).toBe("k");
  });

  it.each([
    ["http://app.test/api", /stage\.url: must read https/],
    ["http://localhost.evil.test/api", /stage\.url: must read https/],
    ["https://app.test", /stage\.url: must read https/],
    ["https://ada:secret@app.test/api", /stage\.url: must read https/],
    ["https://app.test/api?code=secret", /stage\.url: must read https/],
    ["no address", /stage\.url: must read https/],
  ])("are refused at %s, for a key goes there", (url, expected) => {
    environments({ stage: { url } });

    expect(() => readEnvironment(file, "stage")).toThrow(expected);
  });

  it.each(["http://localhost:7071/api", "http://127.0.0.1:7071/api", "http://[::1]:7071/api"])(
    "may be on this machine, at %s, without TLS",
    (url) => {
      environments({ stage: { url } });

      expect(readEnvironment(file, "stage").url).toBe(url);
    },
  );

  it.each<[string, unknown, RegExp]>([
    ["is unknown", { prod: { url: "https://app.test/api" } }, /has no environment stage; it has prod/],
    ["has a key in the file", { stage: { url: "https://app.test/api", key: "secret" } }, /Unrecognized key: "key"/],
    ["has a name that is none", { "Stage 1": { url: "https://app.test/api" } }, /Stage 1: is no name/],
    ["is in no JSON", "{", /is no JSON/],
  ])("are refused when one %s", (_what, content, expected) => {
    environments(content);

    expect(() => readEnvironment(file, "stage")).toThrow(expected);
  });

  it("need a key, whose variable is named when it is missing", () => {
    expect(() => readKey("eu-prod", { CONTROL_KEY_EU_PROD: " " })).toThrow("CONTROL_KEY_EU_PROD: is missing");
  });

  it("are in the sample that is shipped", () => {
    expect(readEnvironment("infra/settings/environments.sample.json", "stage").values).toHaveProperty("brand");
  });
});
