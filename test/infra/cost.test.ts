import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { costTable, timersOf } from "../../infra/cost/main.js";
import { quantitiesOf, runsADay } from "../../infra/cost/quantities.js";
import { registeredFunctions } from "../support/registered-functions.js";
import { treeOf } from "../support/syntax.js";

const page = readFileSync("docs/cost.md", "utf8");
const idle = { days: 30, changes: 0, loaded: 0, egress: false, alwaysReady: 1, memoryGb: 2 };

describe("the page of costs", () => {
  it.each(
    [...page.matchAll(/<!-- cost ?(.*?) ?-->\n\n((?:\|.*\n)+)/g)].map(([, options = "", table = ""]) => ({
      options,
      table,
    })),
  )("shows what the command says: npm run cost -- $options", ({ options, table }) => {
    const args = ["--import", "tsx", "infra/cost/main.ts", ...options.split(" ").filter(Boolean)];

    const said = execFileSync(process.execPath, args, { encoding: "utf8" });

    expect(table).toBe(said);
  });

  it("has a table for an idle month and for a busy one", () => {
    expect(page.match(/<!-- cost.*-->\n\n\| meter/g)).toHaveLength(2);
  });
});

describe("the timers that are counted", () => {
  it("are those that the app registers", () => {
    const registered = registeredFunctions().flatMap(({ name, isTimer }) => (isTimer ? [name] : []));

    expect(
      timersOf(true)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(registered.sort());
  });

  it("have the schedules that stand in functions/, where those are no settings", () => {
    const fixed = timersOf(true).flatMap((timer) => {
      const [written] = treeOf(`functions/${timer.name}.ts`).constants.get("schedule") ?? [];
      return written ? [{ timer, written: String(written.value) }] : [];
    });

    expect(fixed.map(({ timer }) => timer.name)).toEqual(["optout-reconcile", "egress-backfill"]);
    for (const { timer, written } of fixed) expect(timer.schedule).toBe(written);
  });
});

describe("a month", () => {
  it.each([
    ["0 * * * * *", 1_440],
    ["*/15 * * * * *", 5_760],
    ["0 17 * * * *", 24],
    ["0 0,30 6 * * *", 2],
  ])("counts the runs of %s a day", (schedule, runs) => {
    expect(runsADay({ name: "one", schedule })).toBe(runs);
  });

  it("refuses a schedule that it cannot count rather than guess", () => {
    expect(() => runsADay({ name: "one", schedule: "0 0 0 * * 1" })).toThrow("the schedule of one");
  });

  it("sums what has a price and says what has none", () => {
    const quantities = quantitiesOf(idle, [{ name: "one", schedule: "0 * * * * *" }]);

    const table = costTable(quantities, {
      currency: "EUR",
      asOf: "2026-01-31",
      source: "invented",
      perUnit: { executions: 0.01 },
      fixed: { base: 5 },
    });

    expect(table).toContain("| **sum**, of what has a price | | | **437.00** | invented |");
    expect(table).toMatch(/`busOperations`.*no price/);
  });
});
