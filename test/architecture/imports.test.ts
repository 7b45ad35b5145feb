import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { violationsOf } from "./import-rules.js";

const files = ["functions", "shared"].flatMap((folder) => tracked(folder));

describe("the imports of functions/ and shared/", () => {
  it("point one way, and every system's library is known in one place only", () => {
    const violations = files.flatMap((file) => violationsOf(file, readFileSync(file, "utf8")));

    const report = violations.map(({ file, imported, advice }) => `${file} imports ${imported}: ${advice}`);

    expect(files.length).toBeGreaterThan(40);
    expect(report).toEqual([]);
  });
});

describe("the import rules, tried on made-up files", () => {
  it.each([
    ["functions/x.ts", 'import axios from "axios";', "shared/http/"],
    ["shared/flows/x.ts", 'import type { InvocationContext } from "@azure/functions";', "functions/"],
    ["shared/flows/x.ts", 'import { makeDataverseClient } from "../dataverse/client.js";', "ports.ts"],
    ["shared/control/x.ts", 'import { makeFailureStore } from "../messaging/queues.js";', "shared/control/ports.ts"],
    ["shared/flows/x.ts", 'import { route } from "../control/route.js";', "nothing behind it knows it"],
    ["shared/mapping/x.ts", 'import { makeHttpClient } from "../http/client.js";', "pure code imports pure code"],
    ["shared/model/x.ts", 'export { sweep } from "../flows/sweep.js";', "pure code imports pure code"],
    ["shared/campaign/x.ts", 'import { toDataverseError } from "../dataverse/to-error.js";', "a flow in shared/flows/"],
    [
      "shared/http/x.ts",
      'import { startSimulator } from "../../infra/local/sim/start-simulator.js";',
      "belongs in shared/",
    ],
    ["shared/storage/x.ts", 'import { loadSettings } from "../settings/load.js";', "from shared/services.ts"],
    ["shared/dataverse/x.ts", 'const sdk = await import("@azure/service-bus");', "shared/messaging/"],
    ["shared/services.ts", 'import { TableClient } from "@azure/data-tables";', "shared/storage/"],
  ])("refuse %s with %s and say where the code belongs", (file, source, advice) => {
    const violations = violationsOf(file, source);

    expect(violations.map((violation) => violation.advice).join()).toContain(advice);
  });

  it.each([
    ["functions/x.ts", 'import { app } from "@azure/functions"; import { sweep } from "../shared/flows/sweep.js";'],
    ["shared/http/x.ts", 'import axios from "axios"; import { UnavailableError } from "../errors.js";'],
    ["shared/dataverse/x.ts", 'import type { DynamicsSource } from "../flows/ports.js";'],
    ["shared/mapping/x.ts", 'import { createHash } from "node:crypto"; import { z } from "zod";'],
  ])("let %s import what it may: %s", (file, source) => {
    const violations = violationsOf(file, source);

    expect(violations).toEqual([]);
  });
});

describe("the clock, chance and the environment", () => {
  it("come in as arguments everywhere but in services.ts", () => {
    const offenders = files
      .filter((file) => file !== "shared/services.ts")
      .filter((file) =>
        /\bDate\.now\(|\bMath\.random\b|\bprocess\.env\b|\bnew Date\(\)/.test(readFileSync(file, "utf8")),
      );

    expect(offenders).toEqual([]);
  });
});

function tracked(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file.replaceAll("\\", "/")}`);
}
