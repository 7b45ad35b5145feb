import { beforeEach, describe, expect, it } from "vitest";
import { makeOptOutSource, type OptOutSourceOptions } from "../../shared/campaign/opt-out-source.js";
import type { MovedPage, MovedProfile } from "../../shared/flows/optout-source.js";
import { type CampaignEvents, makeCampaignEvents } from "../support/campaign-events.js";
import { aMappingDocument, compiled } from "../support/mappings.js";

const start = "2026-03-01T00:00:00.000Z";
const second = 1_000;
const mapping = compiled(
  aMappingDocument(undefined, {
    columns: { contactid: "id", lastname: "string", donotemail: "boolean", donotfax: "boolean", donotpush: "boolean" },
    optOuts: { direction: "both", attributes: { email: "donotemail", fax: "donotfax", push: "donotpush" } },
  }),
);
const filter = { name: "OptOutsSince", parameter: "since", format: "space" } as const;
type Way = Pick<OptOutSourceOptions, "filter" | "by">;
const byTimes: Way = { filter, by: "times" };
const byChange: Way = { filter: { ...filter, name: "ModifiedSince" }, by: "lastModified" };
const unfiltered: Way = { filter: undefined, by: "lastModified" };

let world: CampaignEvents;
let people: number;
/** Prefix of the opt-outs' names. */
let spelling: string;
beforeEach(() => use({}));

function use(switches: Record<string, unknown>): void {
  world = makeCampaignEvents(switches);
  people = 0;
  spelling = String(switches.optOutNames ?? "blackList");
}
const makeSource = (way: Way = byTimes, more: Partial<OptOutSourceOptions> = {}) =>
  makeOptOutSource({ client: world.client, clock: world.clock, callMs: 4_000, ...way, ...more });
const run = (name: string, body: unknown): unknown => world.core.command?.(name, body);
/** Somebody new, a second later; who is opted out of e-mail where nothing else is said. */
function person(values: Record<string, unknown> = { [`${spelling}Email`]: true }): string {
  people += 1;
  const externalId = `c-${String(people).padStart(4, "0")}`;
  world.clock.advance(second);
  run("seed", { resource: "profile", records: [{ externalId, ...values }] });
  return externalId;
}
const crowd = (count: number): string[] => Array.from({ length: count }, () => person());
const edit = (key: string, values: Record<string, unknown>): void =>
  void run("edit", { resource: "profile", key, values });
const remove = (key: string): void => void run("remove", { resource: "profile", key });
const lists = (): string[] => world.calls.filter((call) => call.startsWith("list opt-outs"));

/** All pages of one reading. */
async function readAll(source: ReturnType<typeof makeSource>, since: string | undefined, size = 100) {
  const profiles: MovedProfile[] = [];
  const pages: MovedPage[] = [];
  for (let cursor: string | undefined; pages.length < 500; ) {
    const page = await source.readMoved(mapping, since, cursor, size);
    pages.push(page);
    profiles.push(...page.profiles);
    if (page.next === undefined) {
      const keys = [...new Set(profiles.map(({ key }) => key))].sort();
      return { profiles, keys, pages, upTo: page.upTo };
    }
    cursor = page.next;
  }
  throw new Error("the reading does not end");
}

describe.each([
  ["by the times of opt-outs", byTimes],
  ["by lastModified, with a filter", byChange],
  ["by lastModified, without a filter", unfiltered],
])("makeOptOutSource %s", (_how, way) => {
  it("finds who opted out at or after the time asked for, with what the profile shows", async () => {
    crowd(3);
    const since = new Date(world.clock.now() + second).toISOString();
    const key = person();

    const { profiles } = await readAll(makeSource(way), since);

    expect(profiles.map((profile) => profile.key)).toEqual([key]);
    expect(profiles[0]?.movedAt).toBe(since);
    expect(profiles[0]?.optOuts?.get("email")).toEqual({ value: true, at: Date.parse(since) });
    expect(profiles[0]?.optOuts?.get("push")).toEqual({ value: false });
  });

  it("finds all that ever opted out, and came back, when it is asked from the beginning", async () => {
    const keys = crowd(7);
    edit(keys[2] ?? "", { blackListEmail: false });

    const { keys: found, profiles } = await readAll(makeSource(way), undefined, 3);

    expect(found).toEqual(keys);
    expect(profiles.find(({ key }) => key === keys[2])?.optOuts?.get("email")?.value).toBe(false);
  });

  it("finds everybody in a crowd of one moment, though it is larger than a page", async () => {
    const keys = crowd(3);
    for (const key of keys) edit(key, { blackListFax: true });
    const records = Array.from({ length: 20 }, (_, index) => ({ externalId: `z-${index}`, blackListFax: true }));
    run("seed", { resource: "profile", records });

    const { keys: found } = await readAll(makeSource(way), world.at(), 5);

    expect(found).toHaveLength(23);
  });

  it.each(["key", "offset"])(
    "misses nobody when profiles are written while pages are read, with links by %s",
    async (paging) => {
      use({ paging });
      const keys = crowd(12);
      world.meanwhile = (call) => {
        world.clock.advance(second);
        // Contact data of some, opt-outs of others, and somebody new in front of them all.
        if (call <= 6) edit(keys[call - 1] ?? "", { lastName: "Later" });
        if (call > 2 && call <= 6) edit(keys[call + 2] ?? "", { blackListFax: true });
        if (call === 4) run("seed", { resource: "profile", records: [{ externalId: "a-1", blackListFax: true }] });
      };

      const { keys: found } = await readAll(makeSource(way), start, 3);

      expect(found).toEqual(expect.arrayContaining(keys));
    },
  );

  it("finds, from the time up to which a reading goes, everything that changed after it began", async () => {
    const keys = crowd(9);
    let isChanged = false;
    const change = (): void => {
      if (isChanged) return;
      isChanged = true;
      edit(keys[0] ?? "", { blackListFax: true });
      world.clock.advance(second);
      edit(keys[8] ?? "", { blackListFax: true });
    };
    world.meanwhile = (call) => {
      world.clock.advance(second);
      // The last page is about to be read, and shows the later one of the two.
      if (call === 7) change();
    };
    const source = makeSource(way);
    const first = await readAll(source, start, 3);
    change();

    const next = await readAll(source, first.upTo, 3);

    const shown = [...first.profiles, ...next.profiles].filter(({ key }) => key === keys[0]);
    expect(shown.some(({ optOuts }) => optOuts?.get("fax")?.value)).toBe(true);
  });

  it("counts profiles without key and reads on past them", async () => {
    person({ externalId: "", blackListEmail: true, email: "nobody@example.com" });
    const key = person();

    const { keys, pages } = await readAll(makeSource(way), start);

    expect(keys).toEqual([key]);
    expect(pages[0]?.withoutKey).toBe(1);
  });

  it("rings for a profile whose opt-outs it cannot read, without saying what they are", async () => {
    const key = person();
    world.tamper = (path, { content }) => {
      if (path.includes("resourceType")) return;
      for (const row of content) if (row.externalId === key) row.blackListEmail = "maybe";
    };

    const { profiles, pages } = await readAll(makeSource(way), start);

    expect(profiles).toEqual([{ key, movedAt: expect.any(String) }]);
    expect(pages[0]?.malformed).toBe(1);
  });

  it("reads an instance with the other names of the attributes", async () => {
    use({ optOutNames: "denyList" });
    const key = person();

    const { profiles } = await readAll(makeSource(way), start);

    expect(profiles.map((profile) => [profile.key, profile.optOuts?.get("email")?.value])).toEqual([[key, true]]);
  });

  it("answers an empty page when nothing changed", async () => {
    crowd(2);
    world.clock.advance(60_000);

    const { profiles, pages } = await readAll(makeSource(way), world.at());

    expect([profiles, pages.length]).toEqual([[], 1]);
  });

  it("gives up when the links go round in a circle", async () => {
    for (const key of crowd(4)) edit(key, { blackListFax: true });
    let lap = 0;
    let link: string | undefined;
    world.tamper = (_path, list) => {
      link ??= list.next?.href;
      if (link === undefined) return;
      lap += 1;
      list.next = { href: `${link}&lap=${lap % 3}` };
    };

    await expect(readAll(makeSource(way), world.at(), 2)).rejects.toThrow(/circle/);
    expect(lists().length).toBeLessThan(20);
  });

  it("shows nobody's name, address or e-mail to whoever asks", async () => {
    person({ blackListEmail: true, email: "somebody@example.com", lastName: "Somebody" });

    const { pages } = await readAll(makeSource(way), start);

    expect(JSON.stringify(pages)).not.toMatch(/somebody/i);
  });
});

describe("opt-outs found by their own times", () => {
  it("cost one call when nobody or few opted out, and nothing but opt-outs is shown", async () => {
    const source = makeSource();
    await readAll(source, start);
    const keys = crowd(2);
    edit(keys[0] ?? "", { lastName: "Later" });
    person({ lastName: "Never" });
    world.calls.length = 0;

    const { keys: found } = await readAll(source, start);

    expect(found).toEqual(keys);
    expect(world.calls).toEqual([
      "list opt-outs /acme/campaign/profileAndServicesExt/profile/byOptOutsSince" +
        "?since_parameter=2026-03-01%2000%3A00%3A00.000Z&_order=externalId&_lineCount=100&_forcePagination=true",
    ]);
  });

  it("include who opted out of push, which has no time, where the filter has a rule for it", async () => {
    const key = person({ lastName: "Quiet" });
    world.clock.advance(60_000);
    const since = world.at();
    edit(key, { blackListPushnotification: true });

    const { profiles } = await readAll(makeSource(), since);

    expect(profiles).toEqual([{ key, movedAt: since, optOuts: expect.any(Map) }]);
    expect(profiles[0]?.optOuts?.get("push")).toEqual({ value: true });
  });

  it.each(["key", "offset"])(
    "are found though others are deleted while pages are read, with links by %s",
    async (paging) => {
      use({ paging });
      const keys = crowd(12);
      world.meanwhile = (call) => {
        if (call === 3) remove(keys[0] ?? "");
      };

      const { keys: found } = await readAll(makeSource(), start, 3);

      expect(found).toEqual(expect.arrayContaining(keys.slice(1)));
    },
  );

  it("are read twice where they fill several pages, and three times at most", async () => {
    const keys = crowd(6);
    const quiet = await readAll(makeSource(), start, 3);
    world.meanwhile = () => remove(keys.pop() ?? "");

    const busy = await readAll(makeSource(), start, 1);

    expect(quiet.pages).toHaveLength(4);
    expect(busy.pages.length).toBeLessThan(15);
  });

  it("are found on a table above Campaign's threshold", async () => {
    use({ bigTableThreshold: 3, paginationFlagAtLimit: false });
    const keys = crowd(10);

    const { keys: found } = await readAll(makeSource(byTimes, { bigTable: 3 }), start, 2);

    expect(found).toEqual(keys);
  });

  it("are asked for with every parameter that the filter has", async () => {
    const way: Way = { filter: { ...filter, parameter: ["since", "alsoSince"] }, by: "times" };

    await readAll(makeSource(way), start);

    expect(lists()[0]).toMatch(/since_parameter=2026[^&]*&alsoSince_parameter=2026/);
  });

  it.each(["iso", "literal"] as const)("are found with instants spelled as %s", async (format) => {
    use({ filterDateFormat: format });
    const key = person();

    const { keys } = await readAll(makeSource({ filter: { ...filter, format }, by: "times" }), world.at());

    expect(keys).toEqual([key]);
  });

  it.each([
    [
      "filter-missing",
      { filter: { ...filter, name: "Nothing" } },
      {},
      /byNothing.*opt-outs, step 1.*docs\/campaign-setup/,
    ],
    ["filter-wrong", {}, { filterDateFormat: "literal" }, /OPTOUT_SINCE_FORMAT/],
    [
      "filter-wrong",
      { filter: { ...filter, parameter: "from" } },
      { missingParameter: "ignore" },
      /before the time asked for/,
    ],
  ])(
    "say %s, and where the guide is, when the filter is not as it must be",
    async (code, changes, switches, message) => {
      use(switches);
      person();
      world.clock.advance(60_000);
      const source = makeSource({ ...byTimes, ...changes });

      await expect(readAll(source, world.at())).rejects.toMatchObject({
        kind: "table",
        code,
        message: expect.stringMatching(message),
      });
    },
  );

  it("pass the check of the filter when it shows those who changed lately, and when nobody did", async () => {
    const source = makeSource();
    await source.check(mapping);
    person();
    person({ blackListFax: true });

    await expect(source.check(mapping)).resolves.toBeUndefined();
  });

  it("fail the check of the filter when it hides those who changed an attribute, which it names", async () => {
    person();
    const hidden = person({ blackListFax: true });
    world.tamper = (path, list) => {
      if (path.includes("byOptOutsSince"))
        list.content = list.content.filter(({ externalId }) => externalId !== hidden);
    };

    await expect(makeSource().check(mapping)).rejects.toMatchObject({
      code: "filter-wrong",
      message: expect.stringContaining("fax"),
    });
  });
});

describe("opt-outs found by lastModified", () => {
  it.each([
    ["with a filter", byChange],
    ["without", unfiltered],
  ])("are refused on a big table, %s, with what to make instead", async (_how, way) => {
    crowd(5);

    await expect(readAll(makeSource(way, { bigTable: 4 }), start)).rejects.toMatchObject({
      kind: "table",
      code: "table-too-big",
      message: expect.stringMatching(/5 records.*OPTOUT_FILTER.*docs\/campaign-setup/),
    });
  });

  it("are counted once an hour, not at every reading", async () => {
    crowd(5);
    const source = makeSource(byChange, { bigTable: 10 });
    await readAll(source, world.at());
    world.calls.length = 0;
    for (let minute = 0; minute < 59; minute += 1) {
      await readAll(source, world.at());
      world.clock.advance(60_000);
    }

    expect(world.calls).toHaveLength(59);
  });

  it("include every change of push", async () => {
    const key = person({ blackListPushnotification: true });
    world.clock.advance(60_000);
    edit(key, { blackListPushnotification: false });

    const { profiles } = await readAll(makeSource(byChange), world.at());

    expect(profiles.map((profile) => [profile.key, profile.optOuts?.get("push")])).toEqual([[key, { value: false }]]);
  });
});
