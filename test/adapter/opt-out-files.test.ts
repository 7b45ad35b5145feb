import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeKeyPair } from "../../infra/local/sftp/keys.js";
import { type SftpServer, startSftpServer } from "../../infra/local/sftp/start-sftp-server.js";
import { makeOptOutFiles } from "../../shared/campaign/opt-out-files.js";
import type { MovedPage } from "../../shared/flows/optout-source.js";
import { openSftp } from "../../shared/sftp/sftp-session.js";
import { makeCampaignEvents } from "../support/campaign-events.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";
import { aMappingDocument, compiled } from "../support/mappings.js";

const key = makeKeyPair();
const minute = 60_000;
const mappingOf = (attributes: Record<string, string>) =>
  compiled(
    aMappingDocument(undefined, {
      columns: { contactid: "id", lastname: "string", donotemail: "boolean", donotfax: "boolean" },
      optOuts: { direction: "toDynamics", attributes },
    }),
  );
const mapping = mappingOf({ email: "donotemail" });
const folder = "d365_loads/exports";

let root: string;
let server: SftpServer;
let clock: FixedClock;
let source: ReturnType<typeof makeOptOutFiles>;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "opt-outs-"));
  mkdirSync(join(root, folder), { recursive: true });
  server = await startSftpServer({ port: 0, root, users: [{ name: "campaign", publicKey: key.public }] });
  clock = fixedClock("2026-03-01T12:00:00Z");
  source = makeSource();
});
afterEach(async () => {
  source.close();
  await server.close();
  rmSync(root, { recursive: true });
});

function makeSource() {
  const account = { host: "127.0.0.1", port: server.port, user: "campaign", key: key.private, timeoutMs: 5_000 };
  return makeOptOutFiles({
    open: () => openSftp({ ...account, hostKey: server.hostKeyFingerprint }),
    folder: `/${folder}`,
    name: /^optout_[^/]*\.csv$/,
    settledMs: 2 * minute,
    key: "externalId",
    clock,
  });
}

const header = "externalId,blackListEmail,blackListEmailLastModified,lastModified";
/** A file as the workflow leaves it; `ageMs` ago, by the test's clock. */
function put(name: string, lines: readonly string[], ageMs = 30 * minute, columns = header): void {
  const path = join(root, folder, name);
  writeFileSync(path, `${[columns, ...lines].join("\r\n")}\r\n`);
  const at = new Date(clock.now() - ageMs);
  utimesSync(path, at, at);
}
const left = (under = folder): string[] =>
  existsSync(join(root, under)) ? readdirSync(join(root, under)).filter((name) => name.endsWith(".csv")) : [];

/** One reading: every page, each acknowledged once it is dealt with. */
async function readAll(size = 100, of = mapping): Promise<MovedPage[]> {
  const pages: MovedPage[] = [];
  for (let cursor: string | undefined; pages.length < 100; ) {
    const page = await source.readMoved(of, undefined, cursor, size);
    pages.push(page);
    if (page.receipt !== undefined) await source.acknowledge(page.receipt);
    if (page.next === undefined) return pages;
    cursor = page.next;
  }
  throw new Error("the reading does not end");
}
const profilesIn = (pages: readonly MovedPage[]) => pages.flatMap(({ profiles }) => profiles);
const keysIn = (pages: readonly MovedPage[]): string[] => profilesIn(pages).map((profile) => profile.key);

describe("makeOptOutFiles", () => {
  it("reads the files, oldest first, says what each line showed, and puts them away", async () => {
    put("optout_20260301020000.csv", ["c-1,true,2026-02-28 10:00:00.000Z,2026-02-28 10:00:00.000Z"], 20 * minute);
    put("optout_20260228020000.csv", ["c-2,0,2026-02-27 10:00:00,2026-02-27 11:00:00", "c-3,1,,"], 60 * minute);

    const pages = await readAll();

    expect(profilesIn(pages)).toEqual([
      { key: "c-2", movedAt: "2026-02-27T10:00:00.000Z", optOuts: shown(false, "2026-02-27T10:00:00.000Z") },
      { key: "c-3", movedAt: "2026-03-01T11:00:00.000Z", optOuts: shown(true) },
      { key: "c-1", movedAt: "2026-02-28T10:00:00.000Z", optOuts: shown(true, "2026-02-28T10:00:00.000Z") },
    ]);
    expect([left(), left(`${folder}/done`).length]).toEqual([[], 2]);
  });

  it("reads what Campaign's simulator exports, in either spelling of the names", async () => {
    for (const optOutNames of ["blackList", "denyList"]) {
      const campaign = makeCampaignEvents({ optOutNames, optOutFolder: root });
      const record = { externalId: `c-${optOutNames}`, [`${optOutNames}Email`]: true, lastName: "Lee" };
      campaign.core.command?.("seed", { resource: "profile", records: [record] });
      campaign.clock.advance(minute);
      campaign.core.command?.("export-opt-outs", {});
      // Before its own schedule, whose timer is due at once here, does it again and again.
      campaign.core.command?.("settings", { optOutFolder: null });
    }
    for (const name of left()) utimesSync(join(root, folder, name), 0, 0);

    const found = profilesIn(await readAll());

    expect(found.map((profile) => [profile.key, profile.optOuts?.get("email")])).toEqual(
      ["c-blackList", "c-denyList"].map((name) => [name, { value: true, at: Date.parse("2026-03-01T00:00:00Z") }]),
    );
  });

  it("reads a file again that was not acknowledged, and one that comes a second time", async () => {
    put("optout_1.csv", ["c-1,true,,"]);
    await source.readMoved(mapping, undefined, undefined, 10);
    source.close();
    source = makeSource();
    const first = await readAll();
    put("optout_1.csv", ["c-1,true,,"], 10 * minute);
    clock.advance(10 * minute);

    expect([keysIn(first), keysIn(await readAll())]).toEqual([["c-1"], ["c-1"]]);
  });

  it("waits for a file that is still being written", async () => {
    put("optout_1.csv", ["c-1,true,,"], 0);

    const early = await readAll();
    put("optout_1.csv", ["c-1,true,,", "c-2,true,,"], 0);
    clock.advance(minute);
    await readAll();
    clock.advance(2 * minute);

    expect([keysIn(early), keysIn(await readAll())]).toEqual([[], ["c-1", "c-2"]]);
  });

  it("counts lines that are none and profiles without a key, and rings for those whose values it cannot read", async () => {
    put("optout_1.csv", ["c-1,true,,", ",true,,", "c-2", "c-3,maybe,,", "c-4,true,yesterday,"]);

    const [page] = await readAll();

    expect(page).toMatchObject({ withoutKey: 1, malformed: 3 });
    expect(page?.profiles.map((profile) => [profile.key, profile.optOuts !== undefined])).toEqual([
      ["c-1", true],
      ["c-3", false],
      ["c-4", false],
    ]);
  });

  it("does not say what a profile shows where the file lacks a mapped attribute", async () => {
    put("optout_1.csv", ["c-1,true,,"]);

    const [page] = await readAll(10, mappingOf({ email: "donotemail", fax: "donotfax" }));

    expect(page).toMatchObject({ profiles: [{ key: "c-1" }], malformed: 0 });
    expect(page?.profiles[0]?.optOuts).toBeUndefined();
  });

  it("puts a file without the column of the key aside, says so, and reads the others", async () => {
    put("optout_1.csv", ["x,1"], 60 * minute, "name,value");
    put("optout_2.csv", ["c-1,true,,"]);

    const pages = await readAll();

    expect(pages[0]?.rejected).toMatch(/optout_1\.csv has no column externalId/);
    expect(keysIn(pages)).toEqual(["c-1"]);
    expect(left(`${folder}/rejected`)).toEqual(["optout_1.csv"]);
  });

  it("says as long as files lie aside that their opt-outs are not known, and no longer", async () => {
    const sound = await source.check(mapping);
    put("optout_1.csv", ["x,1"], 60 * minute, "name,value");
    await readAll();
    const said = await source.check(mapping).catch((error: unknown) => error);
    rmSync(join(root, folder, "rejected", "optout_1.csv"));

    expect(sound).toBeUndefined();
    expect(said).toMatchObject({ kind: "table", code: "files-rejected" });
    expect(String(said)).toMatch(
      /rejected holds files that could not be read \(1, optout_1\.csv first\).*OPTOUT_FILES_KEY/,
    );
    expect(await source.check(mapping)).toBeUndefined();
  });

  it("leaves files of other names alone", async () => {
    put("profiles.csv", ["c-1,true,,"]);

    expect(keysIn(await readAll())).toEqual([]);
    expect(left()).toEqual(["profiles.csv"]);
  });

  it("says which folder is missing, which setting names it, and where the guide is", async () => {
    rmSync(join(root, folder), { recursive: true });

    await expect(readAll()).rejects.toMatchObject({
      kind: "table",
      code: "folder-missing",
      message: expect.stringMatching(/OPTOUT_FILES.*docs\/campaign-setup/),
    });
  });
});

function shown(value: boolean, at?: string) {
  return new Map([["email", { value, ...(at !== undefined && { at: Date.parse(at) }) }]]);
}
