import { beforeEach, describe, expect, it } from "vitest";
import type { DryRun } from "../../shared/flows/dry-run-ports.js";
import { type DryNoteStore, makeDryNotes } from "../../shared/storage/dry-notes.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { recordId } from "../support/samples.js";

let own: ControlWorld;
let notes: DryNoteStore;
let run: number;

beforeEach(async () => {
  own = await makeControlWorld();
  const tables = makeMemoryEntityTables();
  await tables.ensure(["notes"]);
  notes = makeDryNotes(async () => tables.table("notes"), own.world.clock);
  run = 1;
  own.ports.dryRun = {
    info: async () => ({ number: run, startedAt: "2026-03-01T00:00:00.000Z" }),
    list: notes.list,
    async startOver() {
      run += 1;
      return run;
    },
  } satisfies DryRun;
});

const contact = (n: number) => ({ side: "campaign", table: "contact", id: recordId(n) }) as const;

async function noted(): Promise<void> {
  for (const n of [1, 2, 3]) await notes.wrote(contact(n), { outcome: "created", fields: ["email", "lastName"] });
  await notes.wrote({ ...contact(4), side: "dynamics" }, { outcome: "updated", fields: ["donotemail"] });
  await notes.looked({ ...contact(5), table: "contact-like" }, { outcome: "failed", reason: "refused: no" });
}

describe("the report of a dry run", () => {
  it("counts records by system, table and outcome, and the status says that nothing is written", async () => {
    await noted();

    const { body } = await own.ask("GET", "/dry-run");
    const status = await own.ask("GET", "/status");

    expect(body).toEqual({
      number: 1,
      startedAt: "2026-03-01T00:00:00.000Z",
      counts: [
        { system: "campaign", table: "contact", outcome: "created", records: 3 },
        { system: "campaign", table: "contact-like", outcome: "failed", records: 1 },
        { system: "dynamics", table: "contact", outcome: "updated", records: 1 },
      ],
      records: 5,
      orMore: false,
    });
    expect(status.body.dryRun).toEqual({ number: 1, startedAt: "2026-03-01T00:00:00.000Z" });
  });

  it("lists records page by page, each once, with the names of their fields", async () => {
    await noted();

    const seen: unknown[] = [];
    let continuation: string | undefined;
    do {
      const query = { limit: "2", ...(continuation !== undefined && { continuation }) };
      const { body } = await own.ask("GET", "/dry-run/records", { query });
      seen.push(...(body.records as unknown[]));
      continuation = body.continuation as string | undefined;
    } while (continuation !== undefined);

    expect(seen).toHaveLength(5);
    expect(new Set(seen.map((one) => JSON.stringify(one))).size).toBe(5);
    expect(seen).toContainEqual(
      expect.objectContaining({ id: recordId(1), outcome: "created", fields: ["email", "lastName"] }),
    );
  });

  it.each([
    { query: { table: "contact" }, ids: [1, 2, 3, 4] },
    { query: { table: "contact", system: "campaign" }, ids: [1, 2, 3] },
    { query: { outcome: "failed" }, ids: [5] },
    { query: { system: "dynamics" }, ids: [4] },
  ])("finds those of $query and no others", async ({ query, ids }) => {
    await noted();

    const { body } = await own.ask("GET", "/dry-run/records", { query: query as Record<string, string> });

    const found = (body.records as { id: string }[]).map(({ id }) => Number(id.slice(-3)));
    expect(found.sort()).toEqual(ids);
  });

  it("comes as a file, too", async () => {
    await noted();

    const { text } = await own.ask("GET", "/dry-run/export", { query: { outcome: "failed" } });

    expect(text).toBe(
      `"system","table","id","outcome","fields","reason","at"\r\n"campaign","contact-like","${recordId(5)}","failed","","refused: no","2026-03-01T00:00:00.000Z"\r\n`,
    );
  });

  it("begins anew when it is told to", async () => {
    const { body } = await own.ask("DELETE", "/dry-run");

    expect(body).toEqual({ number: 2 });
  });

  it("is refused where it is none, and the status does not speak of it", async () => {
    own.ports.dryRun = undefined;

    const { status, body } = await own.ask("GET", "/dry-run");

    expect([status, body]).toMatchObject([409, { error: { code: "no-dry-run" } }]);
    expect((await own.ask("GET", "/status")).body).not.toHaveProperty("dryRun");
  });
});
