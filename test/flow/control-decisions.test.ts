import { beforeEach, describe, expect, it } from "vitest";
import { purgeDecisions } from "../../shared/control/purge-decisions.js";
import type { OptOutDecision } from "../../shared/flows/optout-ports.js";
import { type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { aDecision, recordId } from "../support/samples.js";

let own: ControlWorld;

beforeEach(async () => {
  own = await makeControlWorld();
});

/** Notes `count` decisions on contacts 1 to `count`, one an hour on 1 March. */
async function decided(count: number, changes: Partial<OptOutDecision> = {}): Promise<void> {
  for (let n = 1; n <= count; n += 1) {
    const at = new Date(Date.UTC(2026, 2, 1, n)).toISOString();
    await own.world.decisions.note([aDecision({ id: `d${n}`, at, record: recordId(n), ...changes })]);
  }
}

type Shown = OptOutDecision & { explanation: string };

async function list(query: Record<string, string> = {}): Promise<{ decisions: Shown[]; continuation?: string }> {
  const { status, body } = await own.ask("GET", "/opt-outs/decisions", { query });
  expect(status).toBe(200);
  return body as unknown as { decisions: Shown[]; continuation?: string };
}

describe("the list of decisions on opt-outs", () => {
  it("shows what was seen, the rule and what came of it, and says so in a sentence", async () => {
    await decided(1);

    const { decisions } = await list();

    expect(decisions).toEqual([
      {
        ...aDecision({ id: "d1", at: "2026-03-01T01:00:00.000Z" }),
        explanation:
          "Opted out of e-mail in Campaign on 2026-03-01 10:00:00 UTC, later than the last change of the record in Dynamics: opt-out written to Dynamics.",
      },
    ]);
  });

  it("comes newest first, page by page, each decision once", async () => {
    await decided(5);

    const seen: string[] = [];
    let continuation: string | undefined;
    let pages = 0;
    do {
      const page = await list({ limit: "2", ...(continuation !== undefined && { continuation }) });
      seen.push(...page.decisions.map(({ id }) => id));
      continuation = page.continuation;
      pages += 1;
    } while (continuation !== undefined);

    expect(seen).toEqual(["d5", "d4", "d3", "d2", "d1"]);
    expect(pages).toBe(3);
  });

  it.each<[string, Record<string, string>, string[]]>([
    ["one record, its id in any spelling", { record: recordId(2).toUpperCase() }, ["d2"]],
    ["days", { from: "2026-03-01", to: "2026-03-01" }, ["d2", "d1"]],
    ["later days", { from: "2026-03-02" }, ["other"]],
    ["an attribute", { attribute: "ccpa" }, ["other"]],
    ["a rule", { rule: "opt-in-not-seen" }, ["other"]],
    ["a result", { result: "left" }, ["other"]],
  ])("can be narrowed to %s", async (_what, query, expected) => {
    await decided(2);
    const [attribute, rule, result] = ["ccpa", "opt-in-not-seen", "left"] as const;
    await own.world.decisions.note([
      aDecision({ id: "other", at: "2026-03-02T00:00:00.000Z", record: recordId(3), attribute, rule, result }),
    ]);

    expect((await list(query)).decisions.map(({ id }) => id)).toEqual(expected);
  });

  it.each([
    ["record", "17"],
    ["from", "yesterday"],
    ["to", "2026-02-30"],
    ["attribute", "letters"],
    ["rule", "by-lot"],
    ["result", "maybe"],
    ["limit", "0"],
    ["continuation", "bm90IG91cnM"],
    ["table", "contact"],
  ])("refuses a filter that makes no sense: %s=%s", async (name, value) => {
    const { status, body } = await own.ask("GET", "/opt-outs/decisions", { query: { [name]: value } });

    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain(`query${name === "table" ? "" : `.${name}`}`);
  });

  it("refuses the continuation of another list", async () => {
    const elsewhere = Buffer.from(JSON.stringify(["ingress-contact-1", recordId(1)])).toString("base64url");

    const { status } = await own.ask("GET", "/opt-outs/decisions", { query: { continuation: elsewhere } });

    expect(status).toBe(400);
  });
});

describe("the export of decisions on opt-outs", () => {
  it("is a file with every member and the sentence, one line a decision", async () => {
    await decided(2);

    const { status, text, headers } = await own.ask("GET", "/opt-outs/decisions/export", {
      query: { to: "2026-03-01" },
    });
    const lines = text.split("\r\n");

    expect(status).toBe(200);
    expect(headers["content-disposition"]).toContain("opt-out-decisions.csv");
    expect(headers).not.toHaveProperty("x-continuation");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/^"at","table","record","attribute",/);
    expect(lines[1]).toContain(
      `"2026-03-01T02:00:00.000Z","contact","${recordId(2)}","email","donotemail","both","false","2026-03-01T09:00:00.000Z","1001","true",`,
    );
    expect(lines[1]).toContain("opt-out written to Dynamics.");
  });

  it("leaves cells empty for what was not known", async () => {
    const { wrote: _wrote, ...unwritten } = aDecision({ campaign: {}, dynamics: { value: true }, remembered: {} });
    await own.world.decisions.note([{ ...unwritten, result: "left" }]);

    const { text } = await own.ask("GET", "/opt-outs/decisions/export");

    expect(text).toContain('"both","true","","","","","","","opt-out-in-campaign","","","left"');
  });
});

describe("the purge of decisions", () => {
  const retentionMs = 30 * 24 * 3_600_000;
  const purge = () =>
    purgeDecisions(
      { decisions: own.world.decisions, checkpoints: own.world.ports.checkpoints, clock: own.world.clock },
      retentionMs,
      own.world.clock.now() + 60_000,
    );

  it("removes what is older than the retention, once a day", async () => {
    await decided(1);
    await decided(1, { id: "later", at: "2026-03-02T00:00:00.000Z" });
    own.world.clock.advance(retentionMs);
    const early = await purge();
    own.world.clock.advance(24 * 3_600_000);

    const due = await purge();
    const sameDay = await purge();

    expect([early, due, sameDay]).toEqual([0, 1, 0]);
    expect((await list()).decisions.map(({ id }) => id)).toEqual(["later"]);
  });
});
