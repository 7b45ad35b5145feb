import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Report } from "../../infra/local/report.js";
import { startRun as start } from "../support/start-run.js";

describe("npm start -- --once --json", () => {
  it("plays the main job, ends by itself with exit code 0, and reports what it measured", async () => {
    const directory = mkdtempSync(join(tmpdir(), "main-job-"));
    const file = join(directory, "summary.json");

    const { code, output } = await start(["--once", "--json", file, "--directory", join(directory, "runtime")]);

    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    expect(output).toContain("both systems agree");
    expect(code).toBe(0);
    expect(report).toMatchObject({ agree: true, records: 1_010, differences: [], failures: 0 });
    expect(report.campaignCalls).toEqual({
      load: { changes: 1_000, calls: 1_000 },
      create: { changes: 20, calls: 20 },
      update: { changes: 20, calls: 20 },
      unchanged: { changes: 20, calls: 0 },
      delete: { changes: 10, calls: 10 },
    });
    expect(report.latencyMs.p50).toBeGreaterThan(0);
    expect(report.latencyMs.p99).toBeGreaterThanOrEqual(report.latencyMs.p50);
  }, 180_000);
});

describe("npm start -- --scenario linked --once --json", () => {
  it("publishes custom tables on the running app, plays with families of records, and both systems agree in the end", async () => {
    const directory = mkdtempSync(join(tmpdir(), "main-job-"));
    const file = join(directory, "summary.json");
    const args = ["--scenario", "linked", "--once", "--json", file, "--directory", join(directory, "runtime")];

    const { code, output } = await start(args);

    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    expect(output).toContain("both systems agree");
    expect(code).toBe(0);
    expect(report).toMatchObject({ agree: true, records: 725, differences: [], failures: 0 });
    // Custom resources are addressed by a filter: an update and a delete cost the call that finds the record, too.
    expect(report.campaignCalls).toMatchObject({
      "load of contacts": { changes: 200, calls: 200 },
      "load of custom tables": { changes: 520, calls: 520 },
      "create, child first": { changes: 15, calls: 15 },
      update: { changes: 10, calls: 20 },
      unchanged: { changes: 10, calls: 0 },
      delete: { changes: 10, calls: 20 },
    });
  }, 300_000);
});

describe("npm start -- --scenario events --once --json", () => {
  it("brings every e-mail event to its contact's timeline once, and prints one", async () => {
    const directory = mkdtempSync(join(tmpdir(), "main-job-"));
    const file = join(directory, "summary.json");
    const args = ["--scenario", "events", "--once", "--json", file, "--directory", join(directory, "runtime")];

    const { code, output } = await start(args);

    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    expect(output).toMatch(/timeline of contact [0-9a-f-]{36}:\n/);
    expect(output).toMatch(/^ {2}\S+ {2}acs_emailsend {2}Campaign Name: .+; Delivery Name: DM\d$/m);
    expect(report).toMatchObject({ agree: true, differences: [], failures: 0 });
    expect(report.campaignCalls.events?.changes).toBeGreaterThan(300);
    expect(code).toBe(0);
  }, 240_000);
});

describe("npm start -- --scenario opt-outs --once --json", () => {
  it("brings opt-outs to the other side in seconds, in both directions, and prints the times and why an opt-in went back", async () => {
    const directory = mkdtempSync(join(tmpdir(), "main-job-"));
    const file = join(directory, "summary.json");
    const args = ["--scenario", "opt-outs", "--once", "--json", file, "--directory", join(directory, "runtime")];

    const { code, output } = await start(args);

    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    const times = [...output.matchAll(/^ {2}[0-9a-f-]{36} {2}after (\d+) ms$/gm)].map(([, ms]) => Number(ms));
    expect(times).toHaveLength(30);
    expect(Math.max(...times)).toBeLessThan(60_000);
    expect(output).toMatch(/, so the opt-out holds: opt-out written to Dynamics\.$/m);
    expect(report).toMatchObject({ agree: true, records: 100, differences: [], failures: 0 });
    expect(report.campaignCalls["opt-out in Campaign, shown in Dynamics"]?.changes).toBe(10);
    expect(code).toBe(0);
  }, 300_000);
});

describe("Ctrl-C", () => {
  it("leaves no process running, and the next start works at once", async () => {
    const directory = join(mkdtempSync(join(tmpdir(), "main-job-")), "runtime");
    const args = ["--directory", directory];
    // Once: a second Ctrl-C means that nobody wants to wait for an orderly end.
    let pressed = false;
    const interrupted = await start(args, (output, stop) => {
      if (pressed || !output.includes("first load")) return;
      pressed = true;
      stop();
    });
    const leftOver = processesMentioning(directory);

    const again = await start([...args, "--once"]);

    expect(interrupted.output).toContain("stopping");
    expect(leftOver).toEqual([]);
    expect(again.code).toBe(0);
  }, 180_000);
});

/** Command lines of processes that still work in `directory`; Linux only, elsewhere none are looked for. */
function processesMentioning(directory: string): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return line.includes(directory) && !line.includes("run.ts") ? [line] : [];
      } catch {
        return [];
      }
    });
}
