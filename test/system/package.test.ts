import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Report } from "../../infra/local/report.js";
import { makePackage } from "../../infra/package/make-package.js";
import { startRun } from "../support/start-run.js";

describe("npm start -- --package", () => {
  it("plays the whole main job with nothing but the unpacked zip as the app, and both systems agree", async () => {
    const directory = mkdtempSync(join(tmpdir(), "package-"));
    const file = join(directory, "summary.json");
    const { zip } = await makePackage(join(directory, "dist"));

    const args = ["--package", zip, "--once", "--json", file, "--directory", join(directory, "runtime")];
    const { code, output } = await startRun(args);

    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    expect(existsSync(join(directory, "runtime", "app"))).toBe(false);
    expect(output).toContain("both systems agree");
    expect(code).toBe(0);
    expect(report).toMatchObject({ agree: true, records: 1_010, differences: [], failures: 0 });
  }, 180_000);
});
