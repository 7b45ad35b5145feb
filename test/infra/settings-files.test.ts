import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeSettingsApp, type SettingsApp } from "../../infra/settings/app.js";
import { history, plan, promote, publish, rollBack } from "../../infra/settings/commands.js";
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

describe("publishing files", () => {
  it("puts them in force with the environment's values, once however often it is done", async () => {
    const stage = await apps.app("stage", { brand: "Contoso" });
    await pull(workplace, stage, false);
    apps.write("contact", branded({ $env: "brand" }));

    await publish(workplace, stage, usual);
    await publish(workplace, stage, usual);

    expect(await stage.brand()).toEqual({ constant: "Contoso" });
    const { versions } = await stage.app.history(10);
    expect(versions.map(({ version, by }) => [version, by])).toEqual([
      [2, "ada"],
      [1, "shipped"],
    ]);
    expect(said).toEqual(
      expect.arrayContaining(["stage: published as version 2; replay ordered: contact", "stage: works by it"]),
    );
    expect(said.at(-1)).toBe("nothing differs");
  });

  it("goes on as if nothing had been when its answer was lost", async () => {
    const stage = await apps.app("stage");
    await pull(workplace, stage, false);
    apps.write("contact", branded("one"));
    stage.lose();
    const first = await publish(workplace, stage, usual).catch(String);

    const second = await publish(workplace, stage, usual);
    apps.write("contact", branded("two"));
    await publish(workplace, stage, usual);

    expect(first).toMatch(/nobody answers .* Whether it was published is not known: run the same again/);
    expect(second).toBe(0);
    expect(await stage.brand()).toEqual({ constant: "two" });
    expect((await stage.app.current()).version).toBe(3);
  });

  it("is refused over what others published since, names it, and is done when that version is named", async () => {
    const stage = await apps.app("stage");
    await pull(workplace, stage, false);
    await stage.publish([branded("theirs")]);
    apps.write("contact", branded("mine"));

    await expect(publish(workplace, stage, usual)).rejects.toThrow("publish with --over 2");
    const refused = await stage.brand();
    await publish(workplace, stage, { ...usual, over: 2 });

    expect(said).toContainEqual(expect.stringMatching(/version 2, published by bob at .* \(in the portal\)/));
    expect(refused).toEqual({ constant: "theirs" });
    expect(await stage.brand()).toEqual({ constant: "mine" });
  });

  it("is refused when somebody publishes between its look and its publication", async () => {
    const stage = await apps.app("stage");
    await pull(workplace, stage, false);
    apps.write("contact", branded("mine"));
    const { app } = stage;
    const racing: SettingsApp = {
      ...app,
      async publish(...given) {
        await stage.publish([branded("theirs")]);
        return app.publish(...given);
      },
    };

    await expect(publish(workplace, { ...stage, app: racing }, usual)).rejects.toThrow(
      "version 2 of the settings is in force, not 1",
    );

    expect(await stage.brand()).toEqual({ constant: "theirs" });
  });

  it("is done over the version that --over names, and over no other one", async () => {
    const stage = await apps.app("stage");
    apps.write("contact", branded("mine"));

    await expect(publish(workplace, stage, { ...usual, over: 7 })).rejects.toThrow(
      "--over says 7. nothing was published",
    );

    expect((await stage.app.current()).version).toBe(1);
  });

  it("changes nothing when the app finds a problem", async () => {
    const stage = await apps.app("stage");
    await pull(workplace, stage, false);
    apps.write("contact", { ...contactMapping(), fields: [] });

    const code = await publish(workplace, stage, usual);

    expect(code).toBe(1);
    expect(said.at(-1)).toBe("it cannot be published like this");
    expect((await stage.app.current()).version).toBe(1);
  });

  it("leaves tables without a file in force, unless they are named", async () => {
    const stage = await apps.app("stage");
    await stage.publish([contactMapping(), ...acmeDocuments()]);
    await pull(workplace, stage, false);
    rmSync(join(apps.folder, "acme_visit.json"));

    await publish(workplace, stage, usual);
    const kept = (await stage.app.current()).tables;
    await publish(workplace, stage, { ...usual, remove: ["acme_visit"] });

    expect(kept).toContain("acme_visit");
    expect((await stage.app.current()).tables).toEqual(
      ["contact", "acme_dealer", "acme_vehicle"].sort((a, b) => a.localeCompare(b)),
    );
  });

  it("rolls back as one more version, which the history lists", async () => {
    const stage = await apps.app("stage");
    await stage.publish([branded("one")]);
    await stage.publish([branded("two")], 2);

    await rollBack(workplace, stage, 2, usual);
    said.length = 0;
    await history(workplace, stage);

    expect(await stage.brand()).toEqual({ constant: "one" });
    expect(said.map((line) => line.replace(/,.*/, ""))).toEqual([
      "* version 4",
      "  version 3",
      "  version 2",
      "  version 1",
    ]);
  });
});

describe("promoting settings from one environment to another", () => {
  it("lists what differs with the other one's values, and publishes it when told to, over the version it was shown", async () => {
    const [stage, prod] = [
      await apps.app("stage", { brand: "Contoso (test)" }),
      await apps.app("prod", { brand: "Contoso" }),
    ];
    apps.write("contact", branded({ $env: "brand" }));
    await publish(workplace, stage, { ...usual, over: 1 });

    const code = await promote(workplace, stage, prod, usual);
    const before = await prod.brand();
    const unseen = await promote(workplace, stage, prod, { ...usual, publish: true }).catch(String);
    await promote(workplace, stage, prod, { ...usual, publish: true, over: 1 });

    expect(code).toBe(2);
    expect(said).toContainEqual(expect.stringContaining("+ fields[cusBrand]"));
    expect(before).toBeUndefined();
    expect(unseen).toContain("publish with --over 1");
    expect(await prod.brand()).toEqual({ constant: "Contoso" });
    expect(await promote(workplace, stage, prod, usual)).toBe(0);
  });

  it("warns of a value of the environment it comes from that no placeholder stands for", async () => {
    const [stage, prod] = [
      await apps.app("stage", { brand: "Contoso (test)" }),
      await apps.app("prod", { brand: "Contoso" }),
    ];
    await stage.publish([branded("Contoso (test)")]);

    await promote(workplace, stage, prod, usual);

    expect(said).toContainEqual(
      expect.stringMatching(
        /^warning: stage: contact: fields\[\d+\]\.source\.constant holds the value brand of the environment/,
      ),
    );
  });

  it("goes on over its own last publication, and is refused over another one's", async () => {
    const [stage, prod] = [await apps.app("stage"), await apps.app("prod")];
    await stage.publish([branded("one")]);
    await promote(workplace, stage, prod, { ...usual, publish: true, over: 1 });
    await stage.publish([branded("two")], 2);
    await promote(workplace, stage, prod, { ...usual, publish: true });
    const second = await prod.brand();
    await prod.publish([branded("a quick fix")], 3);

    const third = promote(workplace, stage, prod, { ...usual, publish: true });

    await expect(third).rejects.toThrow("version 3 was the last one seen from here");
    expect(second).toEqual({ constant: "two" });
    expect(await prod.brand()).toEqual({ constant: "a quick fix" });
  });

  it("takes no table out of force that only the other one has, unless it is named", async () => {
    const [stage, prod] = [await apps.app("stage"), await apps.app("prod")];
    await prod.publish([contactMapping(), ...acmeDocuments()]);
    const remove = acmeDocuments().map(({ table }) => (table as { name: string }).name);

    const kept = await promote(workplace, stage, prod, usual);
    await promote(workplace, stage, prod, { ...usual, publish: true, over: 2, remove });

    expect(kept).toBe(0);
    expect((await prod.app.current()).tables).toEqual(["contact"]);
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
