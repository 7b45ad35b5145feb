import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeSettingsApp, type SettingsApp } from "../../infra/settings/app.js";
import { plan, publish } from "../../infra/settings/commands.js";
import { pull, render } from "../../infra/settings/pull.js";
import type { Workplace } from "../../infra/settings/workplace.js";
import { acmeDocuments } from "../support/acme-tables.js";
import { branded, contactMapping, type ManagedApps, makeManagedApps } from "../support/settings-apps.js";

let apps: ManagedApps;
let workplace: Workplace;
let said: string[];
beforeEach(() => {
  apps = makeManagedApps();
  ({ workplace, said } = apps);
});
afterEach(() => apps.close());

const usual = { remove: [], over: undefined, note: undefined, by: "ada", publish: false };

describe("pulling settings into files", () => {
  it("writes a file for each table, with the schema for editors, and what it wrote differs in nothing", async () => {
    const stage = await apps.app("stage");
    await stage.publish([contactMapping(), ...acmeDocuments()]);

    await pull(workplace, stage, false);

    expect(readdirSync(apps.folder).sort()).toEqual([
      ".seen",
      "acme_dealer.json",
      "acme_vehicle.json",
      "acme_visit.json",
      "contact.json",
    ]);
    expect(apps.read("contact").$schema).toBe("../docs/schema.json");
    expect(await plan(workplace, stage, [])).toBe(0);
    expect(said.at(-1)).toBe("nothing differs");
  });

  it("writes what ships with the app, which differs in nothing though lengths and labels were left out there", async () => {
    const stage = await apps.app("stage");

    await pull(workplace, stage, false);

    expect(await plan(workplace, stage, [])).toBe(0);
  });

  it("leaves a file that says the same as its author wrote it, line ends included", async () => {
    const stage = await apps.app("stage", { brand: "Contoso" });
    apps.write("contact", branded({ $env: "brand" }), (text) => `\uFEFF${text.replaceAll("\n", "\r\n")}`);
    await publish(workplace, stage, { ...usual, over: 1 });
    const before = readFileSync(join(apps.folder, "contact.json"), "utf8");

    await pull(workplace, stage, false);

    expect(readFileSync(join(apps.folder, "contact.json"), "utf8")).toBe(before);
  });

  it("puts the placeholder back where the value is still this environment's, and nowhere else", async () => {
    const stage = await apps.app("stage", { brand: "Contoso" });
    apps.write("contact", branded({ $env: "brand" }));
    await publish(workplace, stage, { ...usual, over: 1 });
    const [document] = await stage.inForce();
    const fields = [
      { source: { constant: "Contoso" }, target: "cusOther", type: "string" },
      ...(document?.fields ?? []),
    ];
    await stage.publish([{ ...document, fields }], 2);

    await pull(workplace, stage, false);

    const sources = apps.read("contact").fields.filter(({ target }) => /^cus/.test(String(target)));
    expect(sources.map(({ source }) => source)).toEqual([{ constant: "Contoso" }, { constant: { $env: "brand" } }]);
  });

  it("refuses to lose what was edited here since, by file, and does it when told to", async () => {
    const stage = await apps.app("stage");
    await pull(workplace, stage, false);
    apps.write("contact", branded("mine"));
    await stage.publish([branded("theirs")]);

    await expect(pull(workplace, stage, false)).rejects.toThrow(
      "contact.json: differs from version 2 and was edited here",
    );
    const kept = apps.read("contact");
    await pull(workplace, stage, true);

    expect(kept).toEqual(branded("mine"));
    expect(apps.read("contact").fields.at(-1)?.source).toEqual({ constant: "theirs" });
  });

  it("takes over from elsewhere what differs and leaves the author's words for the rest", async () => {
    const stage = await apps.app("stage", { brand: "Contoso" });
    const { v, ...others } = branded({ $env: "brand" });
    apps.write("contact", { ...others, v });
    await publish(workplace, stage, { ...usual, over: 1 });
    const [document] = await stage.inForce();
    await stage.publish([{ ...document, applyDeletes: false }], 2);

    await pull(workplace, stage, false);

    const text = `${JSON.stringify({ $schema: "../docs/schema.json", ...others, applyDeletes: false, v }, undefined, 2)}\n`;
    expect(readFileSync(join(apps.folder, "contact.json"), "utf8")).toBe(text);
  });

  it("takes over what was published elsewhere where nobody edited the file", async () => {
    const stage = await apps.app("stage");
    await stage.publish([branded("one")]);
    await pull(workplace, stage, false);
    await stage.publish([branded("two")], 2);

    await pull(workplace, stage, false);

    expect(apps.read("contact").fields.at(-1)?.source).toEqual({ constant: "two" });
  });
});

describe("planning settings", () => {
  it("names what differs field by field, wherever the field stands, and which replay it means", async () => {
    const stage = await apps.app("stage");
    await stage.publish([branded("one"), ...acmeDocuments()]);
    await pull(workplace, stage, false);
    const document = apps.read("contact");
    const [last, ...others] = document.fields.reverse();
    apps.write("contact", { ...document, fields: [...others, { ...last, source: { constant: "two" } }] });
    said.length = 0;

    const code = await plan(workplace, stage, []);

    expect(code).toBe(2);
    expect(said.slice(1)).toEqual([
      "contact: changed",
      '  ~ fields[cusBrand].source.constant: "one" → "two"',
      "publishing orders a replay of contact: each record is compared, and written where it differs",
      "  contact: 1200 records, 0 to 1200 Campaign calls, at most 0.05 hours",
    ]);
    expect((await stage.app.current()).version).toBe(2);
  });

  it("names each problem by its file and path", async () => {
    const stage = await apps.app("stage");
    apps.write("contact", { ...contactMapping(), key: 7 });

    const code = await plan(workplace, stage, []);

    expect(code).toBe(1);
    expect(said).toContainEqual(expect.stringMatching(/^problem: .*contact\.json: key: /));
  });

  it("names placeholders without a value and values without a placeholder", async () => {
    const stage = await apps.app("stage", { colour: "red" });
    apps.write("contact", branded({ $env: "brand" }));
    const missing = await plan(workplace, stage, []).catch(String);
    apps.write("contact", contactMapping());

    await plan(workplace, stage, []);

    expect(missing).toMatch(/contact\.json: fields\[\d+\]\.source\.constant: the environment has no value brand/);
    expect(said).toContain("warning: value colour of stage is used nowhere");
  });

  it.each([
    ["no JSON", "{", /is no JSON/],
    ["no document", "{}", /has no table\.name/],
  ])("names a file that is %s", async (_what, text, expected) => {
    const stage = await apps.app("stage");
    writeFileSync(join(apps.folder, "odd.json"), text);

    await expect(plan(workplace, stage, [])).rejects.toThrow(expected);
  });

  it("says that the key is not accepted, and that nobody answers", async () => {
    const { environment } = await apps.app("stage");
    const wrong = { environment, app: makeSettingsApp(environment, "wrong") };
    const away = { environment, app: makeSettingsApp({ ...environment, url: "http://127.0.0.1:1/api" }, "right") };
    apps.write("contact", contactMapping());

    await expect(plan(workplace, wrong, [])).rejects.toThrow(
      "stage, GET /settings/current does not accept the key in CONTROL_KEY_STAGE",
    );
    await expect(plan(workplace, away, [])).rejects.toThrow("nobody answers at http://127.0.0.1:1/api: ECONNREFUSED");
  });

  it("names who published since the last look from here, and when", async () => {
    const stage = await apps.app("stage");
    await pull(workplace, stage, false);
    await stage.publish([branded("theirs")]);

    await plan(workplace, stage, []);

    expect(said).toContainEqual(expect.stringMatching(/^there were others since version 1/));
    expect(said).toContainEqual(
      expect.stringMatching(/^ {2}version 2, published by bob at 2026-.* \(in the portal\)$/),
    );
  });

  it("refuses an empty folder, with which nothing would ever differ", async () => {
    const stage = await apps.app("stage");

    await expect(plan(workplace, stage, [])).rejects.toThrow("holds no mapping. pull first");
  });

  it("is not misled by somebody who publishes while it looks", async () => {
    const stage = await apps.app("stage");
    apps.write("contact", branded("mine"));
    const { app } = stage;
    const racing: SettingsApp = {
      ...app,
      async check(...given) {
        await stage.publish([branded("theirs")]);
        return app.check(...given);
      },
    };

    await expect(plan(workplace, { ...stage, app: racing }, [])).rejects.toThrow(
      "version 2 of the settings is in force",
    );
  });

  it("finds no difference in line ends, in the order of properties, and in what may be left out", async () => {
    const stage = await apps.app("stage");
    await stage.publish([branded("one")]);
    const document = Object.fromEntries(Object.entries(branded("one")).reverse());
    apps.write("contact", document, (text) => text.replaceAll("\n", "\r\n"));

    expect(await plan(workplace, stage, [])).toBe(0);
  });

  it("says so when fields only stand in another order, which pulling mends", async () => {
    const stage = await apps.app("stage");
    await stage.publish([branded("one")]);
    const document = branded("one");
    apps.write("contact", { ...document, fields: document.fields.reverse() });

    const before = await plan(workplace, stage, []);
    const line = said.find((one) => one.startsWith("  in nothing but the order of its fields"));
    await pull(workplace, stage, true);

    expect([before, line !== undefined]).toEqual([2, true]);
    expect(apps.read("contact")).toEqual({ $schema: "../docs/schema.json", ...branded("one") });
    expect(await plan(workplace, stage, [])).toBe(0);
  });
});

describe("rendering files", () => {
  it("writes them with the environment's values into another folder, for commands that take a mapping", async () => {
    const { environment } = await apps.app("stage", { brand: "Contoso" });
    apps.write("contact", branded({ $env: "brand" }));
    const out = join(apps.folder, "out");

    render(workplace, environment, out);

    const text = readFileSync(join(out, "contact.json"), "utf8");
    expect(JSON.parse(text)).toEqual({ $schema: "../../docs/schema.json", ...branded("Contoso") });
  });
});
