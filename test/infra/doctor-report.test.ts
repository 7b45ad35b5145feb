import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { areas, type Check, fail, ok, skipped, warn } from "../../infra/doctor/check.js";
import { checksOf } from "../../infra/doctor/doctor.js";
import { longestPauseMs } from "../../infra/doctor/dynamics/token-life.js";
import { hasFailed, reportJson, reportLines } from "../../infra/doctor/report.js";
import { runChecks } from "../../infra/doctor/run-checks.js";

function aCheck(name: string, run: Check["run"], after?: string): Check {
  return { area: "dynamics", name, asks: `${name}?`, run, ...(after !== undefined && { after }) };
}

describe("running checks", () => {
  it("tells of each check before it is asked, and goes on after one that throws", async () => {
    const told: string[] = [];
    const checks = [
      aCheck("a", () => Promise.reject(new Error("out of order"))),
      aCheck("b", async () => [ok("well")]),
    ];

    const checked = await runChecks(checks, ({ name }, number, of) => told.push(`${number}/${of} ${name}`));

    expect(told).toEqual(["1/2 a", "2/2 b"]);
    expect(checked.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual(["a fail", "b ok"]);
    expect(checked[0]?.findings[0]).toMatchObject({ seen: "out of order", fix: expect.any(String) });
  });

  it("skips what rests on a check that failed or was skipped, and not on a warning", async () => {
    const checks = [
      aCheck("failed", async () => [fail("x", "y")]),
      aCheck("second", async () => [ok("never")], "failed"),
      aCheck("third", async () => [ok("never")], "second"),
      aCheck("warned", async () => [ok("a"), warn("x", "y")]),
      aCheck("fourth", async () => [ok("asked")], "warned"),
    ];

    const verdicts = (await runChecks(checks)).map(({ verdict }) => verdict);

    expect(verdicts).toEqual(["fail", "skipped", "skipped", "warn", "ok"]);
  });
});

describe("the report", () => {
  const checks = [
    aCheck("one", async () => [ok("all is well")]),
    aCheck("the-second", async () => [warn("this is odd", "Look at it."), fail("that is wrong", "Mend it.")]),
    aCheck("third", async () => [skipped("not wanted")]),
  ];

  it("aligns what was seen, puts what to do under it, and counts", async () => {
    expect(reportLines(await runChecks(checks)).join("\n")).toMatchInlineSnapshot(`
      "ok       dynamics: one         all is well
      warn     dynamics: the-second  this is odd
                                     → Look at it.
      fail                           that is wrong
                                     → Mend it.
      skipped  dynamics: third       not wanted

      3 checks: 1 ok, 0 warn, 1 fail, 1 skipped. docs/doctor.md says what each of them means."
    `);
  });

  it("is the same for programs, with the worst verdict of all", async () => {
    const checked = await runChecks(checks);

    const report = JSON.parse(reportJson(checked, new Date("2026-03-01T00:00:00Z"))) as Record<string, unknown>;

    expect(report).toMatchObject({
      at: "2026-03-01T00:00:00.000Z",
      verdict: "fail",
      checks: [{ name: "one" }, {}, {}],
    });
    expect([hasFailed(checked), hasFailed(await runChecks(checks.slice(0, 1)))]).toEqual([true, false]);
  });
});

describe("the longest pause of a schedule", () => {
  it.each([
    ["0 * * * * *", 60_000],
    ["*/5 * * * * *", 5_000],
    ["0 0 3 * * *", 24 * 3_600_000],
    ["0 */10 8-17 * * 1-5", (24 * 2 + 14) * 3_600_000 + 10 * 60_000],
    ["0 0 3 * * 1", 7 * 24 * 3_600_000],
  ])("of %s is %i ms", (schedule, pauseMs) => {
    expect(longestPauseMs(schedule, new Date("2026-03-04T12:00:00Z"))).toBe(pauseMs);
  });

  it("is found though it begins after thousands of runs", () => {
    const pauseMs = longestPauseMs("*/5 * 8-17 * * 1-5", new Date("2026-03-04T12:00:00Z"));

    expect(Math.abs(pauseMs - 62 * 3_600_000)).toBeLessThan(10 * 60_000);
  });
});

describe("docs/doctor.md", () => {
  const checks = checksOf({
    ...{ environment: {}, only: new Set(areas), url: "https://app.example.com/api", mappings: [], language: 1033 },
    ...{ name: "acs-sync", clientId: undefined, canary: false, ownVersion: "0" },
  });
  const sections = readFileSync("docs/doctor.md", "utf8").split(/^## /m);
  const rowsOf = (area: string): string[] => {
    const section = sections.find((text) => text.toLowerCase().startsWith(area)) ?? "";
    return [...section.matchAll(/^\| `([\w-]+)` \| .+ \| .+ \|$/gm)].map(([, name = ""]) => name);
  };

  it.each(areas)("has a line for every check of %s, in the order they are asked, and for no other", (area) => {
    expect(rowsOf(area)).toEqual(checks.filter((check) => check.area === area).map(({ name }) => name));
  });

  it("is where docs/campaign-setup.md finds every check that it names", () => {
    const named = readFileSync("docs/campaign-setup.md", "utf8").matchAll(/Doctor: (`[^.\n]+)/g);
    const names = [...named].flatMap(([, list = ""]) => [...list.matchAll(/`([\w-]+)`/g)].map(([, name]) => name));

    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !rowsOf("campaign").includes(String(name)))).toEqual([]);
  });
});
