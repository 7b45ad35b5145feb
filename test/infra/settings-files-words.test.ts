import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergeDocument } from "../../infra/settings/merge.js";
import { resolvePlaceholders, restorePlaceholders, strayValues } from "../../infra/settings/placeholders.js";
import { differencesOf } from "../../shared/mapping/differences.js";

const values = { brand: "Contoso", rank: 0, flags: { a: [false, ""] }, off: false };
const placeholder = fc.constantFrom(...Object.keys(values)).map((name) => ({ $env: name }));
const names = fc.string({ minLength: 1, maxLength: 3 }).filter((name) => name !== "__proto__");
/** Documents as authors write them: any JSON, with placeholders anywhere and lists of fields. */
const { document: documents } = fc.letrec((tie) => ({
  document: fc.oneof(
    { maxDepth: 4 },
    placeholder,
    fc.constantFrom("Contoso", "x", 0, 1, false, true, null, ""),
    fc.array(tie("document"), { maxLength: 3 }),
    fc.dictionary(names, tie("document"), { maxKeys: 4 }),
    fc
      .uniqueArray(fc.tuple(names, tie("document")), { selector: ([target]) => target, maxLength: 3 })
      .map((fields) => fields.map(([target, source]) => ({ target, source }))),
  ),
}));
const inForceOf = (document: unknown): unknown => resolvePlaceholders(document, values).document;

describe("values of an environment in documents", () => {
  it("stand in the place of any value, falsy ones and whole objects included", () => {
    const document = { a: [{ $env: "rank" }, { b: { $env: "flags" } }], c: { $env: "off" } };

    const { document: resolved, problems, used } = resolvePlaceholders(document, values);

    expect(resolved).toEqual({ a: [0, { b: { a: [false, ""] } }], c: false });
    expect(problems).toEqual([]);
    expect([...used].sort()).toEqual(["flags", "off", "rank"]);
  });

  it.each([["nobody"], ["toString"], ["__proto__"]])("is a problem, by its path, when there is no %s", (name) => {
    const { problems } = resolvePlaceholders({ fields: [{ source: { constant: { $env: name } } }] }, values);

    expect(problems).toMatchObject([
      { path: "fields[0].source.constant", problem: `the environment has no value ${name}` },
    ]);
  });

  it("are taken for what they are only where nothing stands beside them", () => {
    const document = { a: { $env: "brand", b: 1 }, c: { $env: 7 } };

    expect(inForceOf(document)).toEqual(document);
  });

  it("come back as the placeholders that the file has, whatever the document", () => {
    fc.assert(
      fc.property(documents, (document) => {
        expect(restorePlaceholders(inForceOf(document), document, values)).toEqual(document);
      }),
    );
  });

  it("come back nowhere else: put in again, what is in force is the same", () => {
    fc.assert(
      fc.property(documents, documents, (document, local) => {
        const inForce = inForceOf(document);
        expect(inForceOf(restorePlaceholders(inForce, local, values))).toEqual(inForce);
      }),
    );
  });

  it("are named where they stand literally in a document that goes to an environment with others", () => {
    const document = { a: "Contoso", b: ["Contoso", { $env: "brand" }], c: "else" };

    const stray = strayValues(document, values, { ...values, brand: "Fabrikam" });

    expect(stray.map(({ path }) => path)).toEqual(["a", "b[0]"]);
    expect(strayValues(document, values, values)).toEqual([]);
  });
});

describe("what is in force in the words of a file", () => {
  it("is the file, where both say the same", () => {
    fc.assert(
      fc.property(documents, (document) => {
        expect(mergeDocument(inForceOf(document), document, [])).toEqual(document);
      }),
    );
  });

  it("means what is in force, whatever the file says", () => {
    fc.assert(
      fc.property(documents, documents, (document, local) => {
        const inForce = inForceOf(document);
        const merged = mergeDocument(inForce, local, differencesOf(inForce, inForceOf(local)));
        expect(differencesOf(inForce, inForceOf(merged))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("keeps the author's order, leaves out what the author left out, and takes what differs", () => {
    const inForce = { v: 1, key: { field: "id", type: "string" }, fields: [{ target: "b" }, { target: "a", size: 2 }] };
    const local = { $schema: "x", fields: [{ target: "a", size: 1 }], key: { field: "id" }, v: 1 };

    const merged = mergeDocument(inForce, local, [
      { path: "fields[b]", from: {} },
      { path: "fields[a].size", from: 2, to: 1 },
    ]);

    const expected = { $schema: "x", fields: [{ target: "b" }, { target: "a", size: 2 }], key: { field: "id" }, v: 1 };
    expect(JSON.stringify(merged)).toBe(JSON.stringify(expected));
  });
});
