import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sampleFile, settingsPage, withSettingsTable } from "../../infra/settings-sample.js";
import { mostLanes, settingDefinitions } from "../../shared/settings/schema.js";

describe("what is generated from the settings schema", () => {
  it("is fresh: local.settings.sample.json", () => {
    expect(readFileSync("local.settings.sample.json", "utf8")).toBe(sampleFile());
  });

  it("is fresh: docs/settings.md, with every setting", () => {
    const page = readFileSync(settingsPage, "utf8");

    expect(withSettingsTable(page)).toBe(page);
    for (const name of Object.keys(settingDefinitions)) expect(page).toContain(`\`${name}\``);
  });
});

describe("host.json", () => {
  it("gives every possible lane a session of its own", () => {
    const host = JSON.parse(readFileSync("host.json", "utf8"));

    expect(host.extensions.serviceBus.maxConcurrentSessions).toBe(mostLanes);
    expect(host.extensions.serviceBus.maxConcurrentCallsPerSession).toBe(1);
  });
});
