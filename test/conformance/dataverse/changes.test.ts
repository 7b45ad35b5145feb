// facts/dataverse.md §4: change tracking over the wire; unsettled points in both positions of their switch.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Answer, type Dataverse, startDataverse } from "./simulator.js";

let dataverse: Dataverse;
beforeEach(async () => {
  dataverse = await startDataverse();
});
afterEach(() => dataverse.close());

const TRACK = { prefer: "odata.track-changes" };
const linkOf = (answer: Answer, name: "nextLink" | "deltaLink"): string => String(answer.json[`@odata.${name}`]);
const idsOf = (answer: Answer): unknown[] => answer.json.value.map(({ contactid, id }) => contactid ?? id);
const createMany = async (count: number): Promise<string[]> => {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1)
    ids.push(await dataverse.create("contacts", { lastname: `L${index}` }));
  return ids;
};
/** Follows nextLink to the end; `between` runs after each page but the last. */
const readAll = async (path: string, headers: Record<string, string>, between?: (page: number) => Promise<unknown>) => {
  const pages = [await dataverse.get(path, headers)];
  for (let page = pages[0]; page?.json["@odata.nextLink"]; page = pages.at(-1)) {
    await between?.(pages.length);
    pages.push(await dataverse.get(linkOf(page, "nextLink"), headers));
  }
  return pages;
};

describe("the first tracked read (§4)", () => {
  it("returns all rows, applies the preference, and has a delta link with version and time in the token", async () => {
    const ids = await createMany(3);

    const answer = await dataverse.get("contacts?$select=lastname", TRACK);

    expect(answer.headers.get("preference-applied")).toBe("odata.track-changes");
    expect(answer.json["@odata.context"]).toBe(`${dataverse.api}/$metadata#contacts(lastname)/$delta`);
    expect(idsOf(answer).sort()).toEqual(ids.sort());
    expect(linkOf(answer, "deltaLink")).toMatch(
      /contacts\?\$select=lastname&\$deltatoken=\d+%21\d\d%2f\d\d%2f\d{4}%20\d\d%3a\d\d%3a\d\d$/,
    );
  });

  it("pages with istracking=True and has the delta link on the last page only, with or without Prefer on the pages", async () => {
    const ids = await createMany(5);
    const first = await dataverse.get("contacts?$select=lastname", {
      prefer: "odata.track-changes,odata.maxpagesize=2",
    });
    const second = await dataverse.get(linkOf(first, "nextLink"), { prefer: "odata.maxpagesize=2" });
    const third = await dataverse.get(linkOf(second, "nextLink"), {
      prefer: "odata.track-changes,odata.maxpagesize=2",
    });

    expect(new URL(linkOf(first, "nextLink")).searchParams.get("$skiptoken")).toContain('istracking="True"');
    expect([first, second, third].map((page) => "@odata.deltaLink" in page.json)).toEqual([false, false, true]);
    expect([first, second, third].flatMap(idsOf).sort()).toEqual(ids.sort());
  });

  it.each(["$filter=statecode eq 0", "$orderby=lastname", "$expand=parentcustomerid_account", "$top=1"])(
    "refuses %s with 400",
    async (option) => {
      const answer = await dataverse.get(`contacts?${option}`, TRACK);

      expect(answer.status).toBe(400);
      expect(answer.json.error.message).toBe(
        `The "${option.split("=")[0]}" query parameter isn't supported when Change Tracking is enabled.`,
      );
    },
  );

  it("is refused for a table that does not track changes, and works once that is enabled, which cannot be undone", async () => {
    const before = await dataverse.get("tasks?$select=subject", TRACK);
    const definition = (await dataverse.get("EntityDefinitions(LogicalName='task')")).json;
    const path = `EntityDefinitions(${definition.MetadataId})`;
    const put = await dataverse.call(
      "PUT",
      path,
      { ...definition, ChangeTrackingEnabled: true },
      { "mscrm.mergelabels": "true" },
    );
    const after = await dataverse.get("tasks?$select=subject", TRACK);
    const undo = await dataverse.call("PUT", path, { ...definition, ChangeTrackingEnabled: false });

    expect(before.status).toBe(400);
    expect(before.json.error).toMatchObject({ code: "0x80060888" });
    expect(before.json.error.message).toContain("Change tracking is not enabled for the entity 'task'.");
    expect([put.status, after.status, undo.status]).toEqual([204, 200, 400]);
  });
});

describe("a delta link (§4)", () => {
  it("returns nothing and a fresh link when nothing changed", async () => {
    await createMany(2);
    const first = await dataverse.get("contacts?$select=lastname", TRACK);

    const delta = await dataverse.get(linkOf(first, "deltaLink"));

    expect(delta.json.value).toEqual([]);
    expect(linkOf(delta, "deltaLink")).toContain("$deltatoken=");
  });

  it("returns created and updated rows once each, by version, then deletions, also of rows that came and went", async () => {
    const [a = "", b = "", c = ""] = await createMany(3);
    const first = await dataverse.get("contacts?$select=lastname", TRACK);
    await dataverse.call("PATCH", `contacts(${b})`, { lastname: "B" });
    await dataverse.call("PATCH", `contacts(${a})`, { lastname: "A" });
    await dataverse.call("PATCH", `contacts(${b})`, { lastname: "B2" });
    await dataverse.call("DELETE", `contacts(${c})`);
    const [d = ""] = await createMany(1);
    const [gone = ""] = await createMany(1);
    await dataverse.call("DELETE", `contacts(${gone})`);

    const delta = await dataverse.get(linkOf(first, "deltaLink"));
    const next = await dataverse.get(linkOf(delta, "deltaLink"));

    expect(delta.json.value).toEqual([
      { "@odata.etag": expect.any(String), lastname: "A", contactid: a },
      { "@odata.etag": expect.any(String), lastname: "B2", contactid: b },
      { "@odata.etag": expect.any(String), lastname: "L0", contactid: d },
      { "@odata.context": `${dataverse.api}/$metadata#contacts/$deletedEntity`, id: c, reason: "deleted" },
      { "@odata.context": `${dataverse.api}/$metadata#contacts/$deletedEntity`, id: gone, reason: "deleted" },
    ]);
    expect(next.json.value).toEqual([]);
  });

  it("shows a row that was deleted and restored with its id as changed, not as deleted", async () => {
    const [id = ""] = await createMany(1);
    const first = await dataverse.get("contacts?$select=lastname", TRACK);
    await dataverse.call("DELETE", `contacts(${id})`);
    await dataverse.call("POST", "contacts", { contactid: id, lastname: "Back" });

    const delta = await dataverse.get(linkOf(first, "deltaLink"));

    expect(delta.json.value).toMatchObject([{ contactid: id, lastname: "Back" }]);
  });

  it("can be read again with the same result, and is paged with rows before deletions", async () => {
    const ids = await createMany(4);
    const first = await dataverse.get("contacts?$select=lastname", TRACK);
    for (const id of ids.slice(0, 2)) await dataverse.call("DELETE", `contacts(${id})`);
    const added = await createMany(3);

    const pages = await readAll(linkOf(first, "deltaLink"), { prefer: "odata.maxpagesize=2" });
    const again = await readAll(linkOf(first, "deltaLink"), { prefer: "odata.maxpagesize=2" });

    expect(pages.map((page) => page.json.value.length)).toEqual([2, 2, 1]);
    expect(pages.flatMap(idsOf)).toEqual([...added, ...ids.slice(0, 2)]);
    expect(again.flatMap(idsOf)).toEqual(pages.flatMap(idsOf));
  });

  it("can be counted", async () => {
    const [id] = await createMany(2);
    const first = await dataverse.get("contacts?$select=lastname", TRACK);
    await createMany(3);
    await dataverse.call("DELETE", `contacts(${id})`);
    const token = linkOf(first, "deltaLink").split("$deltatoken=")[1];

    expect((await dataverse.get(`contacts/$count?$deltatoken=${token}`)).text).toBe("4");
  });

  it("expires: by age, by the organisation's own setting, and by command; with 0x80044352", async () => {
    await createMany(1);
    const link = linkOf(await dataverse.get("contacts?$select=lastname", TRACK), "deltaLink");
    const organization = (await dataverse.get("organizations?$select=organizationid")).json.value[0]?.organizationid;
    const statusAfterDays = async (days: number) => {
      await dataverse.sim("clock", { skewMs: days * 86_400_000 });
      await dataverse.sim("switches", { tokenLifetimeSeconds: 3599 });
      const token = await dataverse.tokenOf("integration");
      const answer = await dataverse.call("GET", link, undefined, { authorization: `Bearer ${token}` });
      await dataverse.sim("clock", { skewMs: 0 });
      return answer;
    };

    const six = await statusAfterDays(6.9);
    const eight = await statusAfterDays(7.1);
    await dataverse.call("PATCH", `organizations(${organization})`, { expirechangetrackingindays: 30 });
    const longer = await statusAfterDays(7.1);
    await dataverse.sim("expire-delta-tokens", {});
    const byCommand = await dataverse.get(link);

    expect([six.status, eight.status, longer.status, byCommand.status]).toEqual([200, 400, 200, 400]);
    expect(eight.json.error).toEqual({
      code: "0x80044352",
      message: "Version stamp associated with the client has expired. Please perform a full sync.",
    });
    expect(byCommand.json.error.code).toBe("0x80044352");
  });
});

describe("what the facts leave open (§4)", () => {
  const readWithEditBetween = async () => {
    const ids = await createMany(4);
    const pages = await readAll(
      "contacts?$select=lastname",
      { prefer: "odata.track-changes,odata.maxpagesize=2" },
      () => dataverse.call("PATCH", `contacts(${[...ids].sort()[0]})`, { lastname: "Edited" }),
    );
    const last = pages.at(-1);
    if (!last) throw new Error("no page");
    return dataverse.get(linkOf(last, "deltaLink"));
  };

  it("loses an edit made behind a long first read when its token stands at the last page", async () => {
    await dataverse.sim("switches", { deltaTokenAt: "last" });

    expect((await readWithEditBetween()).json.value).toEqual([]);
  });

  it("shows that edit when its token stands at the first page", async () => {
    await dataverse.sim("switches", { deltaTokenAt: "first" });

    expect((await readWithEditBetween()).json.value).toMatchObject([{ lastname: "Edited" }]);
  });

  it("shows a row again at the end of a first read when pages go by version and it changed meanwhile", async () => {
    await dataverse.sim("switches", { pageOrder: "version" });
    const [a, b, c] = await createMany(3);
    const pages = await readAll(
      "contacts?$select=lastname",
      { prefer: "odata.track-changes,odata.maxpagesize=2" },
      () => dataverse.call("PATCH", `contacts(${a})`, { lastname: "A" }),
    );

    expect(pages.flatMap(idsOf)).toEqual([a, b, c, a]);
  });

  it.each([
    { narrows: false, seen: ["jobtitle only", "lastname"] },
    { narrows: true, seen: ["lastname"] },
  ])(
    "counts changes of columns outside $select unless selectNarrowsChanges is on ($narrows)",
    async ({ narrows, seen }) => {
      await dataverse.sim("switches", { selectNarrowsChanges: narrows });
      const [a = "", b = ""] = await createMany(2);
      const first = await dataverse.get("contacts?$select=lastname", TRACK);
      await dataverse.call("PATCH", `contacts(${a})`, { jobtitle: "x" });
      await dataverse.call("PATCH", `contacts(${b})`, { lastname: "x" });

      const delta = await dataverse.get(linkOf(first, "deltaLink"));

      expect(idsOf(delta)).toEqual(seen.map((which) => (which === "lastname" ? b : a)));
    },
  );

  it.each([true, false])(
    "hides the delta link beside annotations only when annotationsHideDeltaLink is on (%s)",
    async (hides) => {
      await dataverse.sim("switches", { annotationsHideDeltaLink: hides });

      const answer = await dataverse.get("contacts?$select=lastname", {
        prefer: 'odata.track-changes,odata.include-annotations="*"',
      });

      expect("@odata.deltaLink" in answer.json).toBe(!hides);
    },
  );
});
