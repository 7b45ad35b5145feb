import { describe, expect, it } from "vitest";
import { makeEventFiles } from "../../shared/campaign/event-files.js";
import { defaultEventFields } from "../../shared/campaign/event-row.js";
import { pullEvents } from "../../shared/flows/pull-events.js";
import { makeReadOnlySession } from "../../shared/sftp/read-only-session.js";
import type { SftpSession } from "../../shared/sftp/sftp-session.js";
import { makeEgressWorld } from "../support/egress-world.js";

const minute = 60_000;
const pace = { pageSize: 3, pagesAtOnce: 3, narrowMs: 2 * minute, wideMs: 30 * minute, wideEveryMs: 15 * minute };
const text = Buffer.from(
  'eventId,eventType,eventDate,externalId,campaignName,deliveryName,url,failureType\n"E-1","send",2026-03-01 12:01:00,"c-1","CP1","DM1","",""\n',
);

describe("a dry run of e-mail events in files", () => {
  it("reads them and leaves them where they are, however often it runs", async () => {
    const world = makeEgressWorld();
    const { clock } = world;
    const changedAtMs = clock.now();
    const moved: string[] = [];
    const account: SftpSession = {
      isOpen: true,
      list: async () => [{ name: "a.csv", size: text.length, changedAtMs }],
      stat: async () => ({ size: text.length, changedAtMs }),
      read: async (_path, offset, length) => text.subarray(offset, offset + length),
      rename: async (from) => void moved.push(from),
      ensureFolder: async (folder) => void moved.push(folder),
      close: () => {},
    };
    const files = { folder: "events", name: /\.csv$/, settledMs: 2 * minute, fields: defaultEventFields, clock };
    const source = makeEventFiles({ ...files, open: async () => makeReadOnlySession(account) });
    const pull = () => pullEvents({ ...world.ports, source }, pace, clock.now() + 10 * minute);
    await pull();
    clock.advance(16 * minute);

    const runs = [await pull(), await pull()];

    expect(runs).toMatchObject([{ written: 1 }, { written: 0, known: 1 }]);
    expect(moved).toEqual([]);
  });
});
