import { beforeEach, describe, expect, it } from "vitest";
import { makeRandom } from "../../infra/local/sim/random.js";
import type { ChangedResource } from "../../shared/campaign/changed-list.js";
import { defaultEventFields } from "../../shared/campaign/event-row.js";
import { makeEventSource, type RestEventSource } from "../../shared/campaign/event-source.js";
import { MalformedError, TableError } from "../../shared/errors.js";
import type { SkippedRow } from "../../shared/flows/egress-ports.js";
import { countSkipped } from "../../shared/flows/skipped-rows.js";
import type { EmailEvent } from "../../shared/model/email-event.js";
import { type CampaignEvents, makeCampaignEvents, type WireList } from "../support/campaign-events.js";

const start = "2026-03-01T00:00:00.000Z";
const staged: ChangedResource = {
  api: "profileAndServicesExt",
  name: "cusEmailEvent",
  order: "lastModified",
  filter: { name: "ModifiedSince", parameter: "since", format: "space" },
};
const unfiltered: ChangedResource = { ...staged, filter: undefined };

let world: CampaignEvents;
beforeEach(() => use({}));

function use(switches: Record<string, unknown>): void {
  world = makeCampaignEvents(switches);
}
function makeSource(resource: ChangedResource = staged, windowRows = 5_000): RestEventSource {
  const { client, clock } = world;
  return makeEventSource({ client, clock, callMs: 4_000, resource, row: { fields: defaultEventFields }, windowRows });
}

/** All pages of one reading, and what comes with them. */
async function readAll(source: RestEventSource, since: string, size: number) {
  const events: EmailEvent[] = [];
  const rows: SkippedRow[] = [];
  const pages: string[][] = [];
  for (let cursor: string | undefined, page = 0; page < 1_000; page += 1) {
    const found = await source.readEvents(since, cursor, size);
    events.push(...found.events);
    pages.push(found.events.map(({ id }) => id));
    rows.push(...found.skipped);
    const skipped = countSkipped(rows);
    if (found.next === undefined) return { events, skipped, pages, ids: new Set(events.map(({ id }) => id)) };
    cursor = found.next;
  }
  throw new Error("the reading does not end");
}

describe.each([
  ["with a filter", staged],
  ["without a filter", unfiltered],
])("makeEventSource %s", (_how, resource) => {
  it("answers what changed at or after the time asked for, oldest change first, over many pages", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 23; index += 1) {
      world.clock.advance(1_000);
      ids.push(world.happen());
    }
    const since = new Date(Date.parse(start) + 4_000).toISOString();

    const { events, ids: found } = await readAll(makeSource(resource), since, 5);

    expect([...found]).toEqual(ids.slice(3));
    expect(events[0]?.changedAt).toBe(since);
    expect(events.map(({ changedAt }) => changedAt)).toEqual(events.map(({ changedAt }) => changedAt).sort());
  });

  it("answers every row of a crowd that changed at the very same time, though it is larger than a page", async () => {
    const before = world.happen();
    world.clock.advance(1_000);
    const crowd = Array.from({ length: 17 }, () => world.happen());
    world.clock.advance(1_000);
    const after = world.happen();

    const { ids } = await readAll(makeSource(resource), start, 5);

    expect([...ids].sort()).toEqual([before, ...crowd, after].sort());
  });

  it.each(["key", "offset"])(
    "misses no row when another moves while pages are read, with links by %s",
    async (paging) => {
      use({ paging });
      const ids = Array.from({ length: 12 }, () => {
        world.clock.advance(1_000);
        return world.happen();
      });
      const source = makeSource(resource);
      world.meanwhile = (call) => {
        world.clock.advance(1_000);
        if (call <= 5) world.change(ids[call - 1] ?? "");
      };

      const { ids: found } = await readAll(source, start, 3);

      expect([...found].sort()).toEqual([...ids].sort());
    },
  );

  it("answers a row again, with its new content, once it has changed after it was read", async () => {
    const id = world.happen();
    const source = makeSource(resource);
    const first = await readAll(source, start, 5);
    world.clock.advance(7 * 86_400_000);
    const read = world.at();
    world.happen({ type: "bounce", of: id });

    const second = await readAll(source, read, 5);

    expect(first.events.map(({ type }) => type)).toEqual(["send"]);
    expect(second.events.map(({ type }) => type)).toEqual(["bounce"]);
  });

  it("counts rows that are no events by reason and reads on past them", async () => {
    world.happen({ externalId: "", email: "nobody@example.com" });
    world.happen({ type: "bounce", failure: "soft" });
    const broken = world.happen();
    world.change(broken, { eventType: "mirror" });
    const id = world.happen();

    const { ids, skipped } = await readAll(makeSource(resource), start, 2);

    expect([...ids]).toEqual([id]);
    expect(skipped).toEqual({ "no-key": 1, "soft-bounce": 1, "other-type": 1 });
  });

  it("says how far a page goes, though none of its rows is an event", async () => {
    world.happen({ externalId: "", email: "nobody@example.com" });
    world.clock.advance(60_000);
    const last = world.at();
    world.happen({ externalId: "", email: "nobody@example.com" });

    const page = await makeSource(resource).readEvents(start, undefined, 5);

    expect(page).toMatchObject({ events: [], upTo: last });
    expect(page.skipped.map(({ reason, changedAt }) => [reason, changedAt])).toEqual([
      ["no-key", expect.any(String)],
      ["no-key", last],
    ]);
    expect(new Set(page.skipped.map(({ key }) => key)).size).toBe(2);
  });

  it("reads on past a row whose values nobody can read", async () => {
    const ids = [world.happen(), world.happen(), world.happen()];
    world.tamper = (_path, { content }) => {
      for (const row of content) if (row.eventId === ids[1]) row.eventDate = "yesterday";
    };

    const { ids: found, skipped } = await readAll(makeSource(resource), start, 1);

    expect([...found]).toEqual([ids[0], ids[2]]);
    expect(skipped).toEqual({ malformed: 1 });
  });

  it("answers nothing, and no further page, when nothing changed", async () => {
    world.happen();
    world.clock.advance(1_000);

    expect(await makeSource(resource).readEvents(world.at(), undefined, 5)).toEqual({ events: [], skipped: [] });
  });

  it("reads a table above Campaign's threshold to its end", async () => {
    use({ bigTableThreshold: 3, paginationFlagAtLimit: false });
    const ids = Array.from({ length: 10 }, () => world.happen());

    const { ids: found } = await readAll(makeSource(resource), start, 2);

    expect([...found].sort()).toEqual(ids.sort());
  });

  it("does not follow a link that leads to another host", async () => {
    for (let index = 0; index < 4; index += 1) world.happen();
    world.tamper = (_path, list) => {
      if (list.next) list.next.href = list.next.href.replace("campaign.test", "elsewhere.test");
    };
    if (resource === unfiltered) world.tamper = linksTo(() => "http://elsewhere.test/next");

    await expect(readAll(makeSource(resource), start, 2)).rejects.toThrow(MalformedError);
  });

  it("gives up when the links go round in a circle, however long it is", async () => {
    for (let index = 0; index < 4; index += 1) world.happen();
    let count = 0;
    world.tamper = linksTo((link) => {
      count += 1;
      return `${link}&lap=${count % 3}`;
    });

    await expect(readAll(makeSource(resource), start, 2)).rejects.toThrow(/circle/);
    expect(world.calls.length).toBeLessThan(20);
  });

  it("says so when rows do not come in the order of their changes", async () => {
    for (let index = 0; index < 4; index += 1) {
      world.happen();
      world.clock.advance(1_000);
    }
    world.tamper = (_path, { content }) => void content.reverse();

    await expect(readAll(makeSource(resource), start, 4)).rejects.toMatchObject({ kind: "table", code: "order-wrong" });
  });

  it.each([
    ["the resource", { api: "profileAndServicesExt" as const, name: "cusNothing" }, "resource-missing"],
    ["the column of the change", { order: "changedOn" }, "order-wrong"],
  ])("says which piece is missing and how to make it: %s", async (_what, changes, code) => {
    const source = makeSource({ ...resource, ...changes });

    const error = await source.readEvents(start, undefined, 5).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(TableError);
    expect(error).toMatchObject({ code, message: expect.stringContaining("docs/campaign-setup.md") });
  });

  it("says when the oldest row that is there changed, and nothing when there is none", async () => {
    const source = makeSource(resource);
    expect(await source.oldestChange()).toBeUndefined();
    world.clock.advance(5_000);
    const oldest = world.at();
    world.happen();
    world.clock.advance(5_000);
    world.happen();

    expect(await source.oldestChange()).toBe(oldest);
  });

  it("counts its calls under one name", async () => {
    world.happen();

    await readAll(makeSource(resource), start, 5);

    expect(world.calls.every((call) => call.startsWith("list events "))).toBe(true);
  });
});

/** Makes every list of the resource name a next page, at the address that `make` answers. */
function linksTo(make: (link: string) => string): (path: string, list: WireList) => void {
  return (path, list) => {
    list.next = {
      href: make(`https://campaign.test${path}?_order=lastModified&since_parameter=${encodeURIComponent(start)}`),
    };
  };
}

describe("a filter of Campaign", () => {
  it("is asked in one call a page, from the time asked for", async () => {
    world.happen();

    await makeSource().readEvents("2026-03-01T00:00:00.250Z", undefined, 200);

    expect(world.calls).toEqual([
      "list events /acme/campaign/profileAndServicesExt/cusEmailEvent/byModifiedSince" +
        "?since_parameter=2026-03-01%2000%3A00%3A00.250Z&_order=lastModified&_lineCount=200&_forcePagination=true",
    ]);
  });

  it.each(["space", "iso", "literal"] as const)("finds all rows with instants spelled as %s", async (format) => {
    use({ filterDateFormat: format });
    const ids = Array.from({ length: 30 }, () => {
      world.clock.advance(130);
      return world.happen();
    });
    const source = makeSource({ ...staged, filter: { name: "ModifiedSince", parameter: "since", format } });

    const { ids: found } = await readAll(source, new Date(Date.parse(start) + 700).toISOString(), 4);

    const expected = format === "space" ? ids.slice(5) : ids;
    expect([...found]).toEqual(expected);
  });

  it("is told from a missing resource when it is missing itself, however large the resource is", async () => {
    use({ bigTableThreshold: 1, paginationFlagAtLimit: false });
    for (let index = 0; index < 3; index += 1) world.happen();
    const source = makeSource({ ...staged, filter: { name: "Nothing", parameter: "since", format: "space" } });

    await expect(source.readEvents(start, undefined, 5)).rejects.toMatchObject({
      kind: "table",
      code: "filter-missing",
      message: expect.stringContaining("byNothing"),
    });
  });

  it("is called wrong when Campaign does not understand the spelling of its parameter", async () => {
    use({ filterDateFormat: "literal" });

    await expect(makeSource().readEvents(start, undefined, 5)).rejects.toMatchObject({
      kind: "table",
      code: "filter-wrong",
      message: expect.stringContaining("EVENTS_SINCE_FORMAT"),
    });
  });

  it("is called wrong when it filters nothing, because its parameter has another name", async () => {
    use({ missingParameter: "ignore" });
    world.happen();
    world.clock.advance(60_000);
    const source = makeSource({ ...staged, filter: { name: "ModifiedSince", parameter: "from", format: "space" } });

    await expect(source.readEvents(world.at(), undefined, 5)).rejects.toMatchObject({ code: "filter-wrong" });
  });

  it("passes the probe when it finds the newest row again, and when there is none", async () => {
    const source = makeSource();

    await source.probe();
    world.happen();
    await source.probe();

    expect(world.calls).toHaveLength(3);
  });

  it("fails the probe when it hides the newest row, as one with another idea of time does", async () => {
    world.happen();
    world.tamper = (path, list) => {
      if (path.includes("byModifiedSince")) list.content = [];
    };

    await expect(makeSource().probe()).rejects.toMatchObject({ code: "filter-wrong" });
  });

  it("passes the probe when the newest row goes while it is looked for", async () => {
    const id = world.happen();
    const source = makeSource();
    world.meanwhile = (call) => {
      if (call === 2) world.core.command?.("remove", { resource: "cusEmailEvent", key: id });
    };

    await expect(source.probe()).resolves.toBeUndefined();
  });
});

describe("reading without a filter", () => {
  it("gives out all rows though it holds no more than a window of them in memory", async () => {
    const ids = Array.from({ length: 40 }, () => {
      world.clock.advance(1_000);
      return world.happen();
    });

    const { ids: found, pages } = await readAll(makeSource(unfiltered, 12), start, 5);

    expect([...found]).toEqual(ids);
    expect(Math.max(...pages.map(({ length }) => length))).toBeLessThanOrEqual(5);
  });

  it("asks for a filter when more rows changed at the same time than it may hold", async () => {
    for (let index = 0; index < 9; index += 1) world.happen();

    await expect(readAll(makeSource(unfiltered, 5), start, 2)).rejects.toMatchObject({ kind: "table" });
  });

  it("stops at the first page that is older than the time asked for", async () => {
    use({ maxLineCount: 5 });
    for (let index = 0; index < 100; index += 1) {
      world.clock.advance(1_000);
      world.happen();
    }

    await readAll(makeSource(unfiltered), world.at(), 5);

    expect(world.calls).toHaveLength(1);
  });

  it("goes on with what is there now when two readings take turns", async () => {
    const ids = Array.from({ length: 9 }, () => {
      world.clock.advance(1_000);
      return world.happen();
    });
    const source = makeSource(unfiltered);

    const first = await source.readEvents(start, undefined, 4);
    await readAll(source, world.at(), 4);
    world.clock.advance(1_000);
    world.change(ids[0] ?? "");
    const found = new Set(first.events.map(({ id }) => id));
    for (let cursor = first.next; cursor !== undefined; ) {
      const page = await source.readEvents(start, cursor, 4);
      for (const { id } of page.events) found.add(id);
      cursor = page.next;
    }

    expect([...found]).toEqual(ids);
  });
});

describe("any history", () => {
  const seeds = Array.from({ length: 60 }, (_, index) => index + 1);
  const kinds = [
    ["with a filter, links by key", staged, "key"],
    ["with a filter, links by offset", staged, "offset"],
    ["without a filter, links by key", unfiltered, "key"],
    ["without a filter, links by offset", unfiltered, "offset"],
  ] as const;

  it.each(kinds)("is read whole while it goes on, but for rows that move: %s", async (_how, resource, paging) => {
    for (const seed of seeds) {
      use({ paging, maxLineCount: 7 });
      const draw = makeRandom(seed);
      const below = (limit: number): number => Math.floor(draw() * limit);
      // Where links count rows, a row that leaves a crowd which fills a page hides another one: that is left to the overlap of the runs.
      const pause = (): void => world.clock.advance(paging === "offset" ? 1 : below(3));
      const ids: string[] = [];
      for (let index = 0; index < 20 + below(20); index += 1) {
        pause();
        ids.push(world.happen());
      }
      const since = world.at();
      world.clock.advance(1);
      const wanted = Array.from({ length: 10 + below(30) }, () => {
        pause();
        return world.happen();
      });
      const moved = new Set<string>();
      world.meanwhile = (call) => {
        pause();
        // A reading of small pages never ends while rows come faster than it reads.
        if (call > 60) return;
        if (draw() < 0.3) world.happen();
        const id = [...ids, ...wanted][below(ids.length + wanted.length)] ?? "";
        if (draw() < 0.5 && id !== "") {
          world.change(id);
          moved.add(id);
        }
      };
      const source = makeSource(resource, 10 + below(20));

      const { events, ids: found } = await readAll(source, since, (paging === "offset" ? 2 : 1) + below(9));

      const missed = wanted.filter((id) => !found.has(id) && !moved.has(id));
      expect({ seed, missed }).toEqual({ seed, missed: [] });
      expect(events.every(({ changedAt }) => changedAt >= since)).toBe(true);
    }
  });
});
