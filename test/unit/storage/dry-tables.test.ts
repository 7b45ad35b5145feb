import { describe, expect, it } from "vitest";
import { type DryTables, makeDryTables } from "../../../shared/storage/dry-tables.js";
import type { DroppableTables } from "../../../shared/storage/entity-tables.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import { fixedClock } from "../../support/fixed-clock.js";

const names = ["checkpoints", "syncstate", "usage"];
const clock = fixedClock("2026-03-01T00:00:00Z");

/** Another process of the dry run. */
async function dryProcess(base: DroppableTables): Promise<DryTables> {
  const tables = makeDryTables(
    base,
    { copied: ["checkpoints", "syncstate"], own: ["notes"], stamp: "checkpoints" },
    clock,
  );
  await tables.ensure(names);
  return tables;
}

async function realState(): Promise<DroppableTables> {
  const base = makeMemoryEntityTables();
  await base.ensure(names);
  await base.table("checkpoints").insert("ingress", "contact", { cursor: "real" });
  await base.table("syncstate").insert("contact-1", "a", { version: "7" });
  return base;
}

async function allOf(base: DroppableTables): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const name of names) for await (const entity of base.table(name).list()) found.push([name, entity]);
  return found;
}

describe("the tables of a dry run", () => {
  it("begin with the real state and leave it as it is, whatever is done to them", async () => {
    const base = await realState();
    const before = await allOf(base);
    const dry = await dryProcess(base);

    const found = await dry.table("syncstate").get("contact-1", "a");
    await dry.table("syncstate").replace("contact-1", "a", { version: "8" }, String(found?.etag));
    await dry.table("checkpoints").insert("ingress", "account", { cursor: "dry" });

    expect(found?.values).toEqual({ version: "7" });
    expect((await dry.table("syncstate").get("contact-1", "a"))?.values).toEqual({ version: "8" });
    expect(await allOf(base)).toEqual(before);
  });

  it("are used as they are where nothing is to be copied", async () => {
    const base = await realState();
    const dry = await dryProcess(base);

    await dry.table("usage").insert("2026-03-01", "read", { calls: 1 });

    expect((await base.table("usage").get("2026-03-01", "read"))?.values).toEqual({ calls: 1 });
  });

  it("go on where they were when a process starts again", async () => {
    const base = await realState();
    await (await dryProcess(base)).table("syncstate").insert("contact-1", "b", { version: "9" });

    const again = await dryProcess(base);

    expect((await again.info()).number).toBe(1);
    expect((await again.table("syncstate").get("contact-1", "b"))?.values).toEqual({ version: "9" });
  });

  it("begin anew when the real app has worked since", async () => {
    const base = await realState();
    const first = await dryProcess(base);
    await first.table("syncstate").insert("contact-1", "b", { version: "9" });
    const real = base.table("checkpoints");
    await real.replace("ingress", "contact", { cursor: "on" }, String((await real.get("ingress", "contact"))?.etag));

    const again = await dryProcess(base);

    expect((await again.info()).number).toBe(2);
    expect(await again.table("syncstate").get("contact-1", "b")).toBeUndefined();
    expect((await again.table("checkpoints").get("ingress", "contact"))?.values).toEqual({ cursor: "on" });
  });

  it("begin anew on an operator's word, in every process, and the tables of the run before are gone", async () => {
    const base = await realState();
    const [one, other] = [await dryProcess(base), await dryProcess(base)];
    await one.table("syncstate").insert("contact-1", "b", { version: "9" });
    await (await one.own("notes")()).insert("p", "r", { a: 1 });
    expect(await other.table("syncstate").get("contact-1", "b")).toBeDefined();

    await one.startOver();
    clock.advance(1_000);

    expect(await other.table("syncstate").get("contact-1", "b")).toBeUndefined();
    expect(await (await other.own("notes")()).get("p", "r")).toBeUndefined();
    await expect(base.table("dry1notes").get("p", "r")).rejects.toThrow("does not exist");
  });
});
