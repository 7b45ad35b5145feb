import { describe, expect, it } from "vitest";
import { type EventFacts, judgeEvents } from "../../../shared/campaign/event-checks.js";

/** Noon; everything was read a minute ago, the workflow runs, e-mails were sent and their rows came. */
function facts(changes: Partial<EventFacts> = {}): EventFacts {
  return {
    now: "2026-03-01T12:00:00.000Z",
    caughtUpAt: "2026-03-01T11:59:00.000Z",
    since: "2026-03-01T11:40:00.000Z",
    oldestChange: "2026-02-01T00:00:00.000Z",
    newestChange: "2026-03-01T11:40:00.000Z",
    lastSend: "2026-03-01T09:00:00.000Z",
    workflows: [{ id: "stage", state: "started" }],
    counts: { events: 1_000, noKey: 10, malformed: 0 },
    ...changes,
  };
}
const codesOf = (changes: Partial<EventFacts>): string[] => judgeEvents(facts(changes)).map(({ code }) => code);

describe("judgeEvents", () => {
  it("finds nothing while events come", () => {
    expect(judgeEvents(facts())).toEqual([]);
  });

  it("finds nothing where nothing is known", () => {
    expect(judgeEvents({ now: "2026-03-01T12:00:00.000Z", workflows: [] })).toEqual([]);
  });

  it.each([
    ["a workflow that was stopped", { workflows: [{ id: "stage", state: "stopped" }] }, ["staging-stopped"]],
    ["a workflow that was paused", { workflows: [{ id: "stage", state: "paused" }] }, ["staging-stopped"]],
    ["a workflow in a state nobody knows", { workflows: [{ id: "stage", state: "zombie" }] }, ["staging-stopped"]],
    ["a workflow that runs", { workflows: [{ id: "stage", state: "Running" }] }, []],
    ["an instance that does not tell states", { workflows: [{ id: "stage", state: "" }] }, []],
    ["a workflow that is not there", { workflows: [{ id: "stage", missing: true as const }] }, ["workflow-missing"]],
    [
      "each of two that stand",
      { workflows: [1, 2].map((id) => ({ id: `${id}`, state: "stopped" })) },
      ["staging-stopped", "staging-stopped"],
    ],
    ["sends without rows", { newestChange: "2026-03-01T08:00:00.000Z" }, ["no-events-while-delivering"]],
    ["sends a few minutes ago, whose rows are still to come", { lastSend: "2026-03-01T11:45:00.000Z" }, []],
    ["rows from the very moment of the send", { newestChange: "2026-03-01T09:00:00.000Z" }, []],
    [
      "a twentieth of rows without key, and one more",
      { counts: { events: 949, noKey: 51, malformed: 0 } },
      ["no-key-on-profiles"],
    ],
    ["a twentieth of rows without key", { counts: { events: 950, noKey: 50, malformed: 0 } }, []],
    ["too few rows to say", { counts: { events: 1, noKey: 98, malformed: 0 } }, []],
    ["files that lie aside", { rejected: ["a.csv", "b.csv"] }, ["files-rejected"]],
    ["a folder in which none does", { rejected: [] }, []],
    ["rows that nobody can read", { counts: { events: 900, noKey: 0, malformed: 100 } }, ["malformed-rows"]],
    ["a filter that is not there", { refused: { code: "filter-missing", message: "no filter" } }, ["filter-missing"]],
    [
      "a resource that is not there",
      { refused: { code: "resource-missing", message: "no resource" } },
      ["resource-missing"],
    ],
    ["something else that was refused", { refused: { code: "__proto__", message: "x" } }, []],
  ])("judges %s", (_what, changes, codes) => {
    expect(codesOf(changes)).toEqual(codes);
  });

  it("finds sends without rows also where no row was ever staged", () => {
    const { newestChange: _newest, oldestChange: _oldest, ...rest } = facts();

    expect(judgeEvents(rest).map(({ code }) => code)).toEqual(["no-events-while-delivering"]);
  });

  it("says which period is lost when rows were purged while nobody read", () => {
    const away = {
      caughtUpAt: "2026-02-10T12:00:00.000Z",
      since: "2026-02-10T11:00:00.000Z",
      oldestChange: "2026-02-20T00:00:00.000Z",
    };

    expect(judgeEvents(facts(away))).toMatchObject([
      {
        code: "purged-before-read",
        message: expect.stringContaining("between 2026-02-10T12:00:00.000Z and 2026-02-20T00:00:00.000Z"),
        lost: { from: "2026-02-10T12:00:00.000Z", to: "2026-02-20T00:00:00.000Z" },
      },
    ]);
  });

  it.each([
    ["the row at the checkpoint is still there", { oldestChange: "2026-03-01T11:40:00.000Z" }],
    ["only what had been read was purged", { oldestChange: "2026-03-01T11:50:00.000Z" }],
    [
      "all was read a moment ago and a row has come since",
      { since: "2026-02-01T00:00:00.000Z", oldestChange: "2026-03-01T11:59:30.000Z" },
    ],
    ["nothing was read yet", { since: undefined, caughtUpAt: undefined }],
  ])("does not speak of a loss when %s", (_when, changes) => {
    const { since, caughtUpAt, ...rest } = facts();
    const known = { ...rest, since, caughtUpAt, ...changes };
    const given = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));

    expect(judgeEvents(given as unknown as EventFacts)).toEqual([]);
  });

  it("says of everything it finds what to do, and where the guide describes it", () => {
    const all = judgeEvents(
      facts({
        workflows: [
          { id: "a", state: "stopped" },
          { id: "b", missing: true },
        ],
        caughtUpAt: "2026-02-10T12:00:00.000Z",
        since: "2026-02-10T11:00:00.000Z",
        oldestChange: "2026-02-20T00:00:00.000Z",
        newestChange: "2026-02-20T00:00:00.000Z",
        counts: { events: 0, noKey: 500, malformed: 500 },
        refused: { code: "filter-missing", message: "no filter" },
        rejected: ["a.csv"],
      }),
    );

    expect(all.map(({ code }) => code)).toEqual([
      "filter-missing",
      "purged-before-read",
      "files-rejected",
      "staging-stopped",
      "workflow-missing",
      "no-events-while-delivering",
      "no-key-on-profiles",
      "malformed-rows",
    ]);
    expect(all.every(({ fix }) => fix.includes("docs/campaign-setup.md"))).toBe(true);
  });
});
