import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SettingsApp } from "../../infra/settings/app.js";
import { history, promote, publish, rollBack } from "../../infra/settings/commands.js";
import { pull } from "../../infra/settings/pull.js";
import type { Workplace } from "../../infra/settings/workplace.js";
import { UnavailableError } from "../../shared/errors.js";
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

    await expect(publish(workplace, stage, usual)).rejects.toThrow("give --over 2");
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

  it.each<[string, (asked: number) => { version: number; isDryRun: boolean }, string[]]>([
    [
      "waits until an instance works by it",
      (asked) => ({ version: asked < 3 ? 1 : 2, isDryRun: false }),
      ["stage: still works by version 1 …", "stage: works by it"],
    ],
    [
      "waits for half a minute and no longer",
      () => ({ version: 1, isDryRun: false }),
      ["stage: still works by version 1 …", "stage: still works by version 1: look at /api/control/status"],
    ],
    [
      "says that all of it is on paper",
      () => ({ version: 2, isDryRun: true }),
      [
        "stage: works by it",
        "stage: is on a dry run, and this publication is on paper, too: it does not hold for the real run",
      ],
    ],
    [
      "is done although nobody answers any more",
      () => {
        throw new UnavailableError("nobody is there", false);
      },
      ["stage: cannot be asked whether it works by it: nobody is there"],
    ],
  ])("%s", async (_what, answer, expected) => {
    const stage = await apps.app("stage");
    apps.write("contact", branded("one"));
    let asked = 0;
    let waitedMs = 0;
    const app: SettingsApp = { ...stage.app, worksBy: async () => answer(++asked) };
    const place = {
      ...workplace,
      pause: async (ms: number) => {
        waitedMs += ms;
      },
    };

    const code = await publish(place, { ...stage, app }, { ...usual, over: 1 });

    expect(code).toBe(0);
    expect(said.slice(said.findIndex((line) => line.includes("published as version 2")) + 1)).toEqual(expected);
    expect(waitedMs).toBeLessThanOrEqual(30_000);
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
    expect(unseen).toContain("give --over 1");
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
