import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type ConnectionSource, readConnection } from "../../../infra/local/connect-settings.js";
import { SettingsError } from "../../../shared/errors.js";

const secrets = { DYNAMICS_CLIENT_SECRET: "secret-of-dynamics", CAMPAIGN_CLIENT_SECRET: "secret-of-campaign" };
const sample = readFileSync("infra/local/connect.sample.json", "utf8");
const { Values: named } = JSON.parse(sample) as { Values: Record<string, string> };

const read = (text: string, changes: Partial<ConnectionSource> = {}) =>
  readConnection({
    file: "connect.json",
    text,
    environment: secrets,
    isDryRun: true,
    fingerprintKey: "key-of-the-folder",
    ...changes,
  });
const file = (values: Record<string, unknown>) => JSON.stringify({ Values: values });

function problemsOf(text: string, changes: Partial<ConnectionSource> = {}): string[] {
  try {
    read(text, changes);
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map(({ setting, problem }) => `${setting} ${problem}`);
  }
}
const without = (prefix: string) =>
  Object.fromEntries(Object.entries(named).filter(([name]) => !name.startsWith(prefix)));

describe("a file that names real systems", () => {
  it("connects to both with the sample and the secrets of the environment, as they would be reached when deployed", () => {
    const { settings, real } = read(sample);

    expect(real).toEqual({ dynamics: true, campaign: true });
    expect(settings).toMatchObject({ ...named, ...secrets, DYNAMICS_AUTH: "client-secret", DRY_RUN: "on" });
    expect(settings).toMatchObject({ CAMPAIGN_URL: "", DYNAMICS_AUTHORITY: "", EGRESS_TYPES: "", NOTICES: "" });
  });

  it.each([
    { prefix: "CAMPAIGN_", real: { dynamics: true, campaign: false } },
    { prefix: "DYNAMICS_", real: { dynamics: false, campaign: true } },
  ])("leaves a stand-in where it names nothing of $prefix, and keeps secrets for the real one", ({ prefix, real }) => {
    const connection = read(file(without(prefix)));

    expect(connection.real).toEqual(real);
    expect(Object.keys(connection.settings).filter((name) => name.startsWith(prefix))).toEqual([]);
  });

  it("takes nothing but secrets from the environment", () => {
    const environment = { ...secrets, EGRESS_TYPES: "send", CAMPAIGN_URL: "https://elsewhere.adobe.io" };

    const { settings } = read(sample, { environment });

    expect(settings).toMatchObject({ EGRESS_TYPES: "", CAMPAIGN_URL: "" });
  });

  it.each([
    ["no JSON", "{", "connect.json is not JSON"],
    ["no Values", "{}", "connect.json has no Values"],
    ["a number", file({ ...named, LANES: 4 }), "connect.json has a value of LANES that is no text"],
    ["no system", file({}), "connect.json names no real system"],
    ["an unknown name", file({ ...named, DYNAMICS_URI: "x" }), "DYNAMICS_URI is no setting"],
    [
      "what this machine says",
      file({ ...named, TABLES: "x" }),
      "TABLES is not for connect.json: the tables are on this machine",
    ],
    [
      "writing by a setting",
      file({ ...named, DRY_RUN: "off" }),
      "DRY_RUN is not for connect.json: nothing is written unless --write is given",
    ],
    [
      "half a system",
      file({ ...without("CAMPAIGN_"), CAMPAIGN_CLIENT_ID: "x" }),
      "CAMPAIGN_CLIENT_ID is given without CAMPAIGN_TENANT",
    ],
    [
      "an identity",
      file({ ...named, DYNAMICS_AUTH: "managed-identity" }),
      "DYNAMICS_AUTH must be client-secret: this machine has no managed identity",
    ],
    ["plain http", file({ ...named, CAMPAIGN_URL: "http://mc.adobe.io" }), "CAMPAIGN_URL must begin with https://"],
    [
      "another host",
      file({ ...named, DYNAMICS_URL: "https://crm.example.com" }),
      "DYNAMICS_URL leads to an unknown host, crm.example.com",
    ],
    ["this machine", file({ ...named, DYNAMICS_URL: "http://127.0.0.1:7081" }), "DYNAMICS_URL leads to this machine"],
  ])("is refused with %s", (_what, text, problem) => {
    expect(problemsOf(text)).toContain(problem);
  });

  it("is refused without secrets, each of which is named and none of which is shown", () => {
    const problems = problemsOf(sample, { environment: {} });

    expect(problems.join("\n")).toMatch(/DYNAMICS_CLIENT_SECRET is (missing|empty)/);
    expect(problems.join("\n")).toMatch(/CAMPAIGN_CLIENT_SECRET is (missing|empty)/);
  });
});
