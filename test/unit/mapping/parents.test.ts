import { describe, expect, it } from "vitest";
import { withoutEmpty, withoutLink } from "../../../shared/mapping/compile.js";
import { aField, aMappingDocument, compiled } from "../../support/mappings.js";

const id = "223f05ea-7593-f011-b4cc-000d3aa25840";
const other = "323f05ea-7593-f011-b4cc-000d3aa25840";

function linked(link: Record<string, unknown>, { type = "string", targets = ["account"] as string[] | "unsaid" } = {}) {
  const columns = { contactid: "id", parentcustomerid: targets === "unsaid" ? "lookup" : { type: "lookup", targets } };
  const field = aField({ source: { column: "parentcustomerid" }, target: "company", type, link });
  return compiled(aMappingDocument([field], { columns }));
}

const join = { table: "account", cardinality: "0..1", by: "join" };
const key = { table: "account", cardinality: "0..1", by: "key" };

describe("the parents of a row", () => {
  it("are those its lookups point to, and none where a lookup is empty", () => {
    expect(linked(join).parents({ parentcustomerid: id })).toMatchObject([{ table: "account", id, field: "company" }]);
    expect(linked(join).parents({ parentcustomerid: null })).toEqual([]);
  });

  it.each([
    ["a join of cardinality 0..1", join, "string", false, "unlinked"],
    ["a join of cardinality 1", { ...join, cardinality: "1" }, "string", true, "withheld"],
    ["a link by key", key, "link", true, "unlinked"],
    ["a link by key that says otherwise", { ...key, whenParentFilteredOut: "withheld" }, "link", true, "withheld"],
  ])("must exist first or not, as %s needs", (_what, link, type, mustExist, whenFilteredOut) => {
    expect(linked(link, { type }).parents({ parentcustomerid: id })).toMatchObject([{ mustExist, whenFilteredOut }]);
  });

  it.each<[string[] | "unsaid"]>([[["account", "contact"]], ["unsaid"]])(
    "are only of the link's table, for a lookup to %j",
    (targets) => {
      const mapping = linked(join, { targets });
      const rows = ["account", "contact"].map((type) => ({ parentcustomerid: id, "parentcustomerid.type": type }));

      expect(rows.map((row) => mapping.parents(row).length)).toEqual([1, 0]);
      expect(rows.map((row) => mapping.map(row).always.company)).toEqual([id, ""]);
      expect(mapping.cells).toContain("parentcustomerid.type");
    },
  );

  it("need not be told apart where the lookup has one table", () => {
    expect(linked(join).cells).not.toContain("parentcustomerid.type");
  });
});

describe("a link", () => {
  it("becomes the parent's id in a join column, and the parent's key or null in a link", () => {
    expect(linked(join).map({ parentcustomerid: id }).always).toEqual({ company: id });
    expect(linked(key, { type: "link" }).map({ parentcustomerid: other }).always).toEqual({ company: { key: other } });
    expect(linked(key, { type: "link" }).map({ parentcustomerid: null }).always).toEqual({ company: null });
  });

  it("can be left empty when a filter keeps the parent out, without touching the mapped row", () => {
    for (const mapping of [linked(join), linked(key, { type: "link" })]) {
      const row = { parentcustomerid: id };
      const mapped = mapping.map(row);
      const [parent] = mapping.parents(row);

      const unlinked = withoutLink(mapped, { field: parent?.field ?? "" });

      expect(unlinked.always).toEqual(mapping.map({ parentcustomerid: null }).always);
      expect(mapped).toEqual(mapping.map(row));
    }
  });

  it("that leads nowhere is left out of a new record, as all that is empty", () => {
    expect(withoutEmpty({ a: null, b: "", c: 0, d: false, e: { key: id } })).toEqual({
      c: 0,
      d: false,
      e: { key: id },
    });
  });
});
