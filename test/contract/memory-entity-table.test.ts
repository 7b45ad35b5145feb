import { expect, it } from "vitest";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { describeEntityTable } from "./entity-table.contract.js";

const tables = makeMemoryEntityTables();
describeEntityTable("in memory", () => tables);

it("does not let a caller change what is stored through what it was given", async () => {
  await tables.ensure(["copies"]);
  const values = { a: 1 };
  await tables.table("copies").insert("p", "r", values);

  values.a = 2;
  Object.assign((await tables.table("copies").get("p", "r"))?.values ?? {}, { a: 3 });

  expect((await tables.table("copies").get("p", "r"))?.values).toEqual({ a: 1 });
});
