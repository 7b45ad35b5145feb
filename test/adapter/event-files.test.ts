import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeKeyPair } from "../../infra/local/sftp/keys.js";
import { type SftpServer, startSftpServer } from "../../infra/local/sftp/start-sftp-server.js";
import { type FileEventSource, makeEventFiles } from "../../shared/campaign/event-files.js";
import { defaultEventFields } from "../../shared/campaign/event-row.js";
import type { EventPage } from "../../shared/flows/egress-ports.js";
import { countSkipped } from "../../shared/flows/skipped-rows.js";
import { openSftp, type SftpAccount } from "../../shared/sftp/sftp-session.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";

const key = makeKeyPair();
const header = "eventId,eventType,eventDate,externalId,campaignName,deliveryName,url,failureType";
const minute = 60_000;

let root: string;
let server: SftpServer;
let account: SftpAccount;
let clock: FixedClock;
let source: FileEventSource;
let logins: number;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "events-"));
  mkdirSync(join(root, "events"));
  server = await startSftpServer({ port: 0, root, users: [{ name: "sftp-user", publicKey: key.public }] });
  account = {
    host: "127.0.0.1",
    port: server.port,
    user: "sftp-user",
    key: key.private,
    hostKey: server.hostKeyFingerprint,
    timeoutMs: 5_000,
  };
  clock = fixedClock("2026-03-01T12:00:00Z");
  logins = 0;
  source = makeSource();
});
afterEach(async () => {
  source.close();
  await server.close();
  rmSync(root, { recursive: true });
});

function makeSource(): FileEventSource {
  return makeEventFiles({
    open: () => {
      logins += 1;
      return openSftp(account);
    },
    folder: "/events",
    name: /^[^/]*\.csv$/,
    settledMs: 2 * minute,
    fields: defaultEventFields,
    clock,
  });
}

/** A file as Campaign leaves it; `ageMs` ago, by the test's clock. */
function put(name: string, text: string, ageMs = 30 * minute): void {
  const path = join(root, "events", name);
  writeFileSync(path, text);
  const at = new Date(clock.now() - ageMs);
  utimesSync(path, at, at);
}
const line = (id: string, changes: Partial<Record<"type" | "at" | "key" | "url", string>> = {}): string => {
  const { type = "send", at = "2026-03-01 11:00:00", key: contact = "c-1", url = "" } = changes;
  return `${id},${type},${at},${contact},CP1,DM1,${url},`;
};
const fileOf = (...lines: string[]): string => `${[header, ...lines].join("\n")}\n`;
const left = (folder = "events"): string[] =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder))
        .filter((name) => name.includes(".csv"))
        .sort()
    : [];

/** One run of the flow: every page, each acknowledged once it is dealt with. */
async function run(size = 100, reader: FileEventSource = source): Promise<EventPage[]> {
  const pages: EventPage[] = [];
  for (let cursor: string | undefined; pages.length < 1_000; ) {
    const page = await reader.readEvents("2026-03-01T12:00:00.000Z", cursor, size);
    pages.push(page);
    if (page.receipt !== undefined) await reader.acknowledge(page.receipt);
    if (page.next === undefined) return pages;
    cursor = page.next;
  }
  throw new Error("the run does not end");
}
const idsIn = (pages: readonly EventPage[]): string[] => pages.flatMap(({ events }) => events.map(({ id }) => id));

describe("makeEventFiles", () => {
  it("reads the files of the folder, oldest first, and puts them away once they are acknowledged", async () => {
    put("b.csv", fileOf(line("S-3")), 20 * minute);
    put("a.csv", fileOf(line("S-4")), 16 * minute);
    put("c.csv", fileOf(line("S-1"), line("S-2")), 40 * minute);

    const pages = await run();

    expect(idsIn(pages)).toEqual(["S-1", "S-2", "S-3", "S-4"]);
    expect([left(), left("events/done")]).toEqual([[], ["a.csv", "b.csv", "c.csv"]]);
    expect(logins).toBe(1);
  });

  it("gives an event the time of its file as the time of its change, which no later file goes behind", async () => {
    put("a.csv", fileOf(line("T-1", { type: "click", url: '"https://www.example.com/?a=1,2"' })));

    const [page] = await run();

    expect(page?.events).toEqual([
      {
        id: "T-1",
        type: "click",
        at: "2026-03-01T11:00:00.000Z",
        contactKey: "c-1",
        campaignName: "CP1",
        deliveryName: "DM1",
        url: "https://www.example.com/?a=1,2",
        mirrorPageUrl: "",
        // SFTP tells whole seconds.
        changedAt: "2026-03-01T11:30:00.999Z",
      },
    ]);
  });

  it("leaves a file where it is until its last page is acknowledged, and reads it again after a kill before that", async () => {
    put("a.csv", fileOf(line("S-1"), line("S-2"), line("S-3")));
    const first = await source.readEvents("", undefined, 2);
    await source.acknowledge(first.receipt ?? "");
    await source.readEvents("", first.next, 2);
    source.close();
    expect(left()).toEqual(["a.csv"]);

    source = makeSource();
    const pages = await run();

    expect(idsIn(pages)).toEqual(["S-1", "S-2", "S-3"]);
    expect(left()).toEqual([]);
  });

  it("goes on where the last run ended when a file is too long for one", async () => {
    put("a.csv", fileOf(...Array.from({ length: 10 }, (_, index) => line(`S-${index}`))));
    const first = await source.readEvents("", undefined, 6);
    await source.acknowledge(first.receipt ?? "");

    const pages = await run(6);

    expect(idsIn(pages)).toEqual(["S-6", "S-7", "S-8", "S-9"]);
  });

  it("reads a file of many pieces whole, in small pages", async () => {
    const ids = Array.from({ length: 5_000 }, (_, index) => `S-${index}`);
    put(
      "a.csv",
      fileOf(...ids.map((id) => line(id, { type: "click", url: `https://www.example.com/${"x".repeat(60)}` }))),
    );

    const pages = await run(700);

    expect(idsIn(pages)).toEqual(ids);
    expect(Math.max(...pages.map(({ events }) => events.length))).toBe(700);
  });

  it("changes nothing when a page is acknowledged twice, or late", async () => {
    put("a.csv", fileOf(line("S-1")));
    const { receipt = "" } = await source.readEvents("", undefined, 10);

    await source.acknowledge(receipt);
    await source.acknowledge(receipt);

    expect([left(), left("events/done")]).toEqual([[], ["a.csv"]]);
  });

  it("does not put away a file that another one of the same name has replaced", async () => {
    put("a.csv", fileOf(line("S-1")));
    const { receipt = "" } = await source.readEvents("", undefined, 10);
    put("a.csv", fileOf(line("S-1"), line("S-2")), 20 * minute);

    await source.acknowledge(receipt);

    expect(left()).toEqual(["a.csv"]);
    expect(idsIn(await run())).toEqual(["S-1", "S-2"]);
  });

  it("keeps the earlier file when one of the same name comes again", async () => {
    put("a.csv", fileOf(line("S-1")));
    await run();
    put("a.csv", fileOf(line("S-2")));

    const pages = await run();

    expect(idsIn(pages)).toEqual(["S-2"]);
    expect(left("events/done")).toEqual(["a.csv", "a.csv.2"]);
  });

  it("waits for a file that is still growing, and takes it when for two minutes it has not", async () => {
    put("a.csv", fileOf(line("S-1")).slice(0, -20), 0);
    expect(idsIn(await run())).toEqual([]);
    clock.advance(90_000);
    put("a.csv", fileOf(line("S-1")), 0);
    expect(idsIn(await run())).toEqual([]);
    clock.advance(90_000);
    expect(idsIn(await run())).toEqual([]);
    clock.advance(30_000);

    expect(idsIn(await run())).toEqual(["S-1"]);
  });

  it("reads a file of an hour ago at once, though it was never seen before", async () => {
    put("a.csv", fileOf(line("S-1")), 60 * minute);

    expect(idsIn(await run())).toEqual(["S-1"]);
  });

  it("does not take a file away from whoever writes to it while it is read", async () => {
    put("a.csv", fileOf(line("S-1")));
    // It looks whole, and then it ends early.
    server.faults.add({ on: "STAT *.csv", times: 1, cutAt: 60 });

    const first = await run();

    expect(left()).toEqual(["a.csv"]);
    expect(idsIn([...first, ...(await run())])).toContain("S-1");
    expect(left()).toEqual([]);
  });

  it.each([
    ["after its header", 4, header.length + 20],
    ["inside its header", 2, 20],
  ])("stops at a file that ends before its size, %s, and reads it in the next run", async (_where, times, cutAt) => {
    put("a.csv", fileOf(line("S-1"), line("S-2")));
    server.faults.add({ on: "READ *.csv", times, cutAt });

    await run();
    const pages = await run();

    expect(idsIn(pages)).toEqual(["S-1", "S-2"]);
  });

  it("counts lines that are none and reads on past them", async () => {
    put(
      "a.csv",
      fileOf(
        line("S-1"),
        "S-2,send",
        line("S-3", { at: "yesterday" }),
        '"S-4,send,2026-03-01 11:00:00,c-1,CP1,DM1,,',
        "",
        line("S-5", { key: "" }),
        line("S-6"),
      ),
    );

    const pages = await run();

    expect(idsIn(pages)).toEqual(["S-1", "S-6"]);
    expect(countSkipped(pages[0]?.skipped ?? [])).toEqual({ malformed: 3, "no-key": 1 });
  });

  it("puts a file without the columns of events aside, counted line by line, and reads the others", async () => {
    put("a.csv", "name;value\nx;1\ny;2\n", 40 * minute);
    put("b.csv", fileOf(line("S-1")));

    const pages = await run();

    expect(countSkipped(pages[0]?.skipped ?? [])).toEqual({ malformed: 2 });
    expect(pages[0]?.rejected).toMatch(
      /^\/events\/a\.csv has no column eventId, eventType, eventDate, externalId .* rejected$/,
    );
    expect(pages[1]?.rejected).toBeUndefined();
    expect(idsIn(pages)).toEqual(["S-1"]);
    expect([left(), left("events/done"), left("events/rejected")]).toEqual([[], ["b.csv"], ["a.csv"]]);
    expect(await source.rejected()).toEqual(["a.csv"]);
  });

  it.each([
    ["semicolons", fileOf(line("S-1")).replaceAll(",", ";")],
    ["tabs", fileOf(line("S-1")).replaceAll(",", "\t")],
    ["bars", fileOf(line("S-1")).replaceAll(",", "|")],
    ["Windows line ends", fileOf(line("S-1")).replaceAll("\n", "\r\n")],
    ["a byte order mark", `\uFEFF${fileOf(line("S-1"))}`],
    ["no end of its last line", fileOf(line("S-1")).trimEnd()],
    ["quotes around everything", fileOf(line("S-1")).replaceAll(/[^,\n]+/g, '"$&"')],
  ])("reads a file with %s", async (_what, text) => {
    put("a.csv", text);

    expect(idsIn(await run())).toEqual(["S-1"]);
  });

  it("leaves files with other names, and folders, alone", async () => {
    put("a.csv.part", fileOf(line("S-1")));
    put("notes.txt", "x");
    mkdirSync(join(root, "events", "b.csv"));

    expect(idsIn(await run())).toEqual([]);
    expect(statSync(join(root, "events", "a.csv.part")).isFile()).toBe(true);
  });

  it("takes up the next login when the connection broke off", async () => {
    put("a.csv", fileOf(line("S-1")));
    server.faults.add({ on: "READ *.csv", times: 1, reset: "before" });

    await expect(run()).rejects.toMatchObject({ kind: "unavailable" });

    expect(idsIn(await run())).toEqual(["S-1"]);
  });

  it("says that files cannot be moved, reads them again in the next run, and moves them once it may", async () => {
    put("a.csv", fileOf(line("S-1")));
    server.faults.add({ on: "RENAME *", times: 1, answer: { status: "PERMISSION_DENIED" } });

    await expect(run()).rejects.toMatchObject({
      kind: "table",
      message: expect.stringContaining("move a file from /events to /events/done"),
    });

    expect(idsIn(await run())).toEqual(["S-1"]);
    expect(left("events/done")).toEqual(["a.csv"]);
  });

  it("says which folder is missing on which host, which setting names it, and where the guide is", async () => {
    rmSync(join(root, "events"), { recursive: true });

    await expect(run()).rejects.toMatchObject({
      kind: "table",
      code: "folder-missing",
      message: expect.stringMatching(/list \/events at 127\.0\.0\.1:\d+.*EVENTS_FILES.*docs\/campaign-setup\.md/),
    });
    mkdirSync(join(root, "events"));
  });
});

describe("a key of the account that is rotated", () => {
  const fresh = makeKeyPair();
  const user = (publicKey: string) => ({ name: "sftp-user", publicKey });

  it("is taken beside its successor, so that every file is read before and after the app has the new one", async () => {
    put("a.csv", fileOf(line("S-1")), 20 * minute);
    server.admitOnly([user(key.public), user(fresh.public)]);
    const before = await run();
    put("b.csv", fileOf(line("S-2")), 16 * minute);
    source.close();

    account = { ...account, key: fresh.private };
    server.admitOnly([user(fresh.public)]);
    source = makeSource();
    const after = await run();

    expect([idsIn(before), idsIn(after)]).toEqual([["S-1"], ["S-2"]]);
  });

  it("leaves every file where it is while it is gone too early, and they are read once the app has the new one", async () => {
    put("a.csv", fileOf(line("S-1")), 20 * minute);
    server.admitOnly([user(fresh.public)]);
    await expect(run()).rejects.toMatchObject({ kind: "auth" });
    const waiting = left();

    account = { ...account, key: fresh.private };
    const after = await run();

    expect([waiting, idsIn(after)]).toEqual([["a.csv"], ["S-1"]]);
  });
});

describe("openSftp", () => {
  it("does not log in where the host shows another key than the one that is pinned", async () => {
    account = { ...account, hostKey: `SHA256:${"A".repeat(43)}` };

    await expect(run()).rejects.toMatchObject({
      kind: "auth",
      message: expect.stringMatching(
        `127.0.0.1:${server.port} shows the host key ${server.hostKeyFingerprint.replaceAll("+", "\\+")}.*CAMPAIGN_SFTP_HOST_KEY`,
      ),
    });
  });

  it("says that the key is not accepted, as a matter of this account and not of Campaign's API", async () => {
    account = { ...account, key: makeKeyPair().private };

    await expect(run()).rejects.toMatchObject({
      kind: "auth",
      message: expect.stringContaining("CAMPAIGN_SFTP_KEY"),
      context: { system: "sftp" },
    });
  });

  it("says which setting holds no private key, and shows nothing of it", async () => {
    account = { ...account, key: "planted-secret" };

    const error = await run().catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ kind: "auth", message: expect.stringContaining("CAMPAIGN_SFTP_KEY") });
    expect(JSON.stringify(error) + String(error)).not.toContain("planted");
  });

  it("gives up on a server that does not answer in time", async () => {
    put("a.csv", fileOf(line("S-1")));
    account = { ...account, timeoutMs: 300 };
    server.faults.add({ on: "OPENDIR *", times: 1, delayMs: 2_000 });

    await expect(run()).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("says that a server is not there", async () => {
    account = { ...account, port: 1 };

    await expect(run()).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("shows neither file nor user in its errors, but what the account may not do, and where", async () => {
    put("a.csv", fileOf(line("S-1")));
    server.faults.add({ on: "OPEN *.csv", answer: { status: "PERMISSION_DENIED" } });

    const error = await run().catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ kind: "table", code: "permission-denied" });
    expect(String(error)).toContain("open a file in /events at 127.0.0.1");
    expect(String(error)).not.toMatch(/a\.csv|sftp-user/);
  });
});
