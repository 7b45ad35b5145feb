import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeKeyPair } from "../../infra/local/sftp/keys.js";
import { type SftpServer, startSftpServer } from "../../infra/local/sftp/start-sftp-server.js";
import { makeEventFiles } from "../../shared/campaign/event-files.js";
import { defaultEventFields } from "../../shared/campaign/event-row.js";
import { type PullPace, type PullResult, pullEvents } from "../../shared/flows/pull-events.js";
import { openSftp, type SftpSession } from "../../shared/sftp/sftp-session.js";
import { type EgressWorld, makeEgressWorld } from "../support/egress-world.js";

const minute = 60_000;
const pace: PullPace = {
  pageSize: 3,
  pagesAtOnce: 3,
  narrowMs: 2 * minute,
  wideMs: 30 * minute,
  wideEveryMs: 15 * minute,
};
const key = makeKeyPair();

let root: string;
let server: SftpServer;
let world: EgressWorld;
/** Logging in takes longest: processes share it while it is open. */
let login: SftpSession | undefined;
let hostKey: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "pull-files-"));
  server = await startSftpServer({ port: 0, root, users: [{ name: "campaign", publicKey: key.public }] });
  hostKey = server.hostKeyFingerprint;
  await begin();
});
afterEach(async () => {
  login?.close();
  login = undefined;
  await server.close();
  rmSync(root, { recursive: true });
});

/** A deployment in its first minute, and an empty folder. */
async function begin(): Promise<void> {
  rmSync(join(root, "events"), { recursive: true, force: true });
  mkdirSync(join(root, "events"));
  world = makeEgressWorld();
  await makeProcess()();
  world.clock.advance(minute);
}

/** A process that pulls: another one remembers nothing of its files. */
function makeProcess(): () => Promise<PullResult> {
  const { mortal, clock } = world;
  const account = { host: "127.0.0.1", port: server.port, user: "campaign", key: key.private, timeoutMs: 5_000 };
  const open = async (): Promise<SftpSession> => {
    const shared = login?.isOpen ? login : await openSftp({ ...account, hostKey });
    login = shared;
    const { list, stat, read, rename, ensureFolder } = shared;
    const steps = mortal({ list, stat, read, rename, ensureFolder });
    return Object.defineProperty({ ...steps, isOpen: true, close: () => {} }, "isOpen", { get: () => shared.isOpen });
  };
  const files = { open, folder: "events", name: /\.csv$/, settledMs: 2 * minute, fields: defaultEventFields, clock };
  const { readEvents, acknowledge, oldestChange } = makeEventFiles(files);
  const ports = { ...world.ports, source: mortal({ readEvents, acknowledge, oldestChange }) };
  return () => pullEvents(ports, pace, clock.now() + 10 * minute);
}

/** A file that Campaign has just written. */
function put(name: string, text: string): void {
  const at = new Date(world.clock.now());
  writeFileSync(join(root, "events", name), text);
  utimesSync(join(root, "events", name), at, at);
}
const header = "eventId,eventType,eventDate,externalId,campaignName,deliveryName,url,failureType";
const line = (id: string, type = "send"): string => `"${id}","${type}",2026-03-01 12:01:00,"c-1","CP1","DM1","",""`;
const fileOf = (...lines: string[]): string => `${[header, ...lines].join("\n")}\n`;
const namesIn = (folder: string): string[] =>
  existsSync(join(root, folder)) ? readdirSync(join(root, folder)).filter((name) => name.includes(".csv")) : [];
const later = (): void => world.clock.advance(16 * minute);

describe("pulling e-mail events from files", () => {
  it("places every event once, and puts every file away, wherever the process is killed", async () => {
    const events = ["S-1", "S-2", "S-3", "S-4", "T-1", "T-2"];
    for (const when of ["before", "after"] as const) {
      for (let call = 1, wasKilled = true; wasKilled; call += 1) {
        await begin();
        put("a.csv", fileOf(...["S-1", "S-2", "S-3", "S-4"].map((id) => line(id))));
        put("b.csv", fileOf(line("S-4"), line("T-1", "open"), "T-9,broken", line("T-2", "click")));
        put("prices.csv", "article;price\nshoe;10\n");
        later();
        world.calls = 0;
        world.kill = { call, when };

        await world.throughKills(() => makeProcess()());

        wasKilled = world.kill === undefined;
        expect(world.placed(), `killed ${when} call ${call}`).toEqual(events);
        expect([namesIn("events"), namesIn("events/done"), namesIn("events/rejected")]).toEqual([
          [],
          ["a.csv", "b.csv"],
          ["prices.csv"],
        ]);
        expect([...world.timeline.values()].filter(({ task }) => task)).toHaveLength(1);
      }
    }
  }, 60_000);

  it("puts a file away without activities where its types are off, or were when it was written", async () => {
    world.types = ["send"];
    put("a.csv", fileOf(line("S-1"), line("T-1", "open")));
    later();
    const first = await makeProcess()();
    put("b.csv", fileOf(line("T-2", "open")));
    later();
    world.types = ["send", "open"];

    const second = await makeProcess()();

    expect([first, second]).toMatchObject([
      { written: 1, off: 1 },
      { written: 0, off: 1 },
    ]);
    expect(namesIn("events/done").sort()).toEqual(["a.csv", "b.csv"]);
  });

  it("takes what came later in the very second in which its type was switched on", async () => {
    world.types = ["send"];
    await makeProcess()();
    world.clock.advance(500);
    world.types = ["send", "open"];
    await makeProcess()();
    world.clock.advance(200);
    put("a.csv", fileOf(line("T-1", "open")));
    later();

    expect(await makeProcess()()).toMatchObject({ written: 1, off: 0 });
  });

  it("counts lines that are no events, and says which file holds none", async () => {
    put("a.csv", fileOf(line("S-1"), "S-2,send", '"S-3","send', line("S-4")));
    put("prices.csv", "article;price\nshoe;10\n");
    later();

    const result = await makeProcess()();

    expect(result).toMatchObject({ written: 2, skipped: { malformed: 3 }, upToDate: true });
    expect(result.rejected).toEqual([expect.stringMatching(/^events\/prices\.csv has no column eventId, /)]);
  });

  it("changes nothing when the rows of a file come again under another name, and takes what is new in a file of the same name", async () => {
    put("a.csv", fileOf(line("S-1")));
    later();
    await makeProcess()();
    put("a.csv", fileOf(line("S-2")));
    put("again.csv", fileOf(line("S-1")));
    later();

    const result = await makeProcess()();

    expect(result).toMatchObject({ written: 1, known: 1 });
    expect(world.placed()).toEqual(["S-1", "S-2"]);
    expect(namesIn("events/done").sort()).toEqual(["a.csv", "a.csv.2", "again.csv"]);
  });

  it("tries a refused event again when its file is put back with a new time, and not when the same file comes again", async () => {
    put("a.csv", fileOf(`"S-1","click",2026-03-01 12:01:00,"c-1","CP1","DM1","refused",""`));
    later();
    const first = await makeProcess()();
    const text = fileOf(`"S-1","click",2026-03-01 12:01:00,"c-1","CP1","DM1","https://example.com/",""`);
    put("b.csv", text);
    utimesSync(join(root, "events", "b.csv"), new Date(0), new Date(0));
    later();
    const old = await makeProcess()();
    put("a.csv", text);
    later();

    const again = await makeProcess()();

    expect([first.refused, old.written, again.written]).toEqual([1, 0, 1]);
    expect(world.placed()).toEqual(["S-1"]);
  });

  it("reads nothing of a file that is still being written, and all of it, once, when it is whole", async () => {
    const text = fileOf(line("S-1"), line("S-2"));
    const pull = makeProcess();
    put("a.csv", text.slice(0, text.length - 30));
    await pull();
    world.clock.advance(minute);
    await pull();
    put("a.csv", text);
    const early = await pull();
    world.clock.advance(2 * minute);

    const whole = await pull();

    expect([early.written, early.skipped]).toEqual([0, {}]);
    expect([whole.written, whole.skipped]).toEqual([2, {}]);
  });

  it("goes on after the server was gone in the middle of a file", async () => {
    const ids = Array.from({ length: 9 }, (_, index) => `S-${index + 1}`);
    put("a.csv", fileOf(...ids.map((id) => line(id))));
    later();
    server.faults.add({ on: "READ *.csv", after: 5, times: 1, reset: "before" });
    const pull = makeProcess();
    await expect(pull()).rejects.toMatchObject({ kind: "unavailable" });
    const before = world.placed().length;

    await pull();

    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(ids.length);
    expect(world.placed()).toEqual(ids);
    expect([namesIn("events"), namesIn("events/done")]).toEqual([[], ["a.csv"]]);
  });

  it("places every event once when two processes read the same files", async () => {
    const ids = Array.from({ length: 8 }, (_, index) => `S-${index + 1}`);
    put("a.csv", fileOf(...ids.slice(0, 4).map((id) => line(id))));
    put("b.csv", fileOf(...ids.slice(4).map((id) => line(id))));
    later();

    await Promise.allSettled([makeProcess()(), makeProcess()()]);
    await makeProcess()();

    expect(world.placed()).toEqual(ids);
    expect(namesIn("events/done").sort()).toEqual(["a.csv", "b.csv"]);
  });

  it("touches nothing on a host that shows another key, and says which setting pins it", async () => {
    put("a.csv", fileOf(line("S-1")));
    later();
    login?.close();
    login = undefined;
    hostKey = `SHA256:${"A".repeat(43)}`;

    const refused = await makeProcess()().catch((error: unknown) => error);
    hostKey = server.hostKeyFingerprint;
    await makeProcess()();

    expect(refused).toMatchObject({ kind: "auth", message: expect.stringContaining("CAMPAIGN_SFTP_HOST_KEY") });
    expect(world.placed()).toEqual(["S-1"]);
  });
});
