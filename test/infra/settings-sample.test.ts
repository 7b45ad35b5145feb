import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sampleFile, withSettingsTable } from "../../infra/settings-sample.js";
import { mostLanes, settingDefinitions } from "../../shared/settings/schema.js";

describe("what is generated from the settings schema", () => {
  it("is fresh: local.settings.sample.json", () => {
    expect(readFileSync("local.settings.sample.json", "utf8")).toBe(sampleFile());
  });

  it("is fresh: the settings table of the README, with every setting", () => {
    const readme = readFileSync("README.md", "utf8");

    expect(withSettingsTable(readme)).toBe(readme);
    for (const name of Object.keys(settingDefinitions)) expect(readme).toContain(`\`${name}\``);
  });
});

describe("host.json", () => {
  it("gives every possible lane a session of its own", () => {
    const host = JSON.parse(readFileSync("host.json", "utf8"));

    expect(host.extensions.serviceBus.maxConcurrentSessions).toBe(mostLanes);
    expect(host.extensions.serviceBus.maxConcurrentCallsPerSession).toBe(1);
  });
});
