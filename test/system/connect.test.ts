import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ConnectOptions, connect } from "../../infra/local/connect.js";
import type { ConnectReport } from "../../infra/local/connect-report.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { type Editor, type Observer, observe, signIn } from "../../infra/local/people.js";
import { type Runtime, startRuntime } from "../../infra/local/runtime.js";
import { contactId, inventContact } from "../../infra/local/scenarios/contacts.js";
import { startRun } from "../support/start-run.js";

const freePorts = { host: 0, dataverse: 0, campaign: 0, bus: 0, busAdmin: 0, tables: 0, sftp: 0 };
const contacts = 40;

/** Simulators that stand for the real systems, and the file that names them. */
let peers: Runtime;
let observer: Observer;
let editor: Editor;
let file: string;
const folder = mkdtempSync(join(tmpdir(), "connect-"));

beforeAll(async () => {
  peers = await startRuntime({
    directory: join(folder, "peers"),
    ports: freePorts,
    without: ["bus", "tables"],
    app: "-",
  });
  observer = observe(peers.addresses);
  await observer.seedContacts(Array.from({ length: contacts }, (_, number) => inventContact(number)));
  const login = { dataverse: peers.addresses.dataverse, tenantId: String(peers.settings.DYNAMICS_TENANT_ID) };
  editor = await signIn({ ...login, ...LOCAL_APPS.editor });
  const named = ["DYNAMICS_URL", "DYNAMICS_TENANT_ID", "DYNAMICS_CLIENT_ID", "DYNAMICS_AUTHORITY"].concat([
    "CAMPAIGN_URL",
    "CAMPAIGN_TENANT",
    "CAMPAIGN_IMS_URL",
    "CAMPAIGN_CLIENT_ID",
  ]);
  const values = Object.fromEntries(named.map((name) => [name, peers.settings[name]]));
  file = join(folder, "connect.json");
  writeFileSync(file, JSON.stringify({ Values: { ...values, CAMPAIGN_CALL_SECONDS: "4" } }));
});

afterAll(() => peers?.stop());

/** A run until all is read; the secrets come from the environment. */
async function run(changes: Partial<ConnectOptions> = {}): Promise<{ report: ConnectReport; said: string }> {
  const lines: string[] = [];
  const report = await connect({
    file,
    write: false,
    once: true,
    mappings: [],
    directory: join(folder, "state"),
    ports: freePorts,
    app: undefined,
    environment: peers.settings,
    say: (line) => lines.push(line),
    signal: new AbortController().signal,
    mayLoopBack: true,
    ...changes,
  });
  return { report, said: lines.join("\n") };
}

/** Requests to the stand-ins that were no reads and asked for no token. */
async function writesThere(): Promise<string[]> {
  const made: string[] = [];
  for (const address of [peers.addresses.dataverse, peers.addresses.campaign]) {
    const { counts } = (await (await fetch(`${address}/_sim/requests?limit=0`)).json()) as { counts: object };
    made.push(...Object.keys(counts).filter((what) => !/^GET |\/_sim\/|\/token(\/v3)?$/.test(what)));
  }
  return made;
}

describe("npm start -- --connect", () => {
  it("writes nothing unless it is told to, says what it would write, and writes just that when it is told to", async () => {
    await fetch(`${peers.addresses.dataverse}/_sim/requests`, { method: "DELETE" });

    const dry = await run();
    const written = await writesThere();
    const profilesThen = await observer.profileCount();
    const real = await run({ write: true });

    expect(dry.said).toContain("DRY RUN: nothing is written");
    expect(written).toEqual([]);
    expect(profilesThen).toBe(0);
    expect(dry.report.outcomes).toEqual([
      { system: "campaign", table: "contact", outcome: "created", records: contacts },
    ]);
    expect(real.report).toMatchObject({ mode: "write", failures: 0, calls: { "create profile": contacts } });
    expect(await observer.profileCount()).toBe(contacts);
  }, 240_000);

  it("goes on with the state of the run before: a dry run after it finds what has changed since", async () => {
    await editor.update(contactId(1), { lastname: "Neuhaus" });
    await editor.remove(contactId(2));
    await fetch(`${peers.addresses.campaign}/_sim/requests`, { method: "DELETE" });

    const dry = await run();
    const written = (await writesThere()).filter((what) => !what.includes("/api/data/"));
    const real = await run({ write: true });

    expect(written).toEqual([]);
    expect(dry.report.outcomes).toEqual([
      { system: "campaign", table: "contact", outcome: "updated", records: 1 },
      { system: "campaign", table: "contact", outcome: "deleted", records: 1 },
    ]);
    expect(real.report.calls).toMatchObject({ "update profile": 1, "delete profile": 1 });
  }, 240_000);

  it("connects to one system and a stand-in of the other, with mappings of its own, and ends in order when it is told to", async () => {
    const { Values } = JSON.parse(readFileSync(file, "utf8")) as { Values: Record<string, string> };
    const onlyDynamics = join(folder, "dynamics.json");
    const ofDynamics = Object.entries(Values).filter(([name]) => name.startsWith("DYNAMICS_"));
    writeFileSync(onlyDynamics, JSON.stringify({ Values: Object.fromEntries(ofDynamics) }));
    const shipped = JSON.parse(readFileSync("shared/mapping/contact-to-profile.json", "utf8")) as object;
    const conditions = [{ column: "lastname", comparison: "equals", value: "Nobody" }];
    const mapping = join(folder, "mapping.json");
    writeFileSync(mapping, JSON.stringify({ ...shipped, filters: { join: "and", conditions } }));
    const ending = new AbortController();
    const lines: string[] = [];
    const say = (line: string): void => {
      lines.push(line);
      if (line.includes("left")) ending.abort();
    };

    const given = { file: onlyDynamics, directory: join(folder, "one"), mappings: [mapping], once: false };
    const { report } = await run({ ...given, say, signal: ending.signal });

    const said = lines.join("\n");
    expect(said).toContain("Campaign  stand-in on this machine");
    expect(said).toContain("settings version 2 is in force");
    expect(report.real).toEqual({ dynamics: true, campaign: false });
    expect(report.outcomes.map(({ outcome }) => outcome)).toEqual(["left"]);
  });

  it("refuses a folder whose state belongs to another instance, before anything runs", async () => {
    const other = join(folder, "other.json");
    const { Values } = JSON.parse(readFileSync(file, "utf8")) as { Values: Record<string, string> };
    writeFileSync(other, JSON.stringify({ Values: { ...Values, CAMPAIGN_TENANT: "umbrella" } }));

    await expect(run({ file: other, write: true })).rejects.toThrow(/belongs to .* acme/);
  });

  it("reaches real systems over https and by their names only, and says everything else that is wrong with the file", async () => {
    const { code, output } = await startRun(["--connect", file, "--directory", join(folder, "refused")]);

    expect(code).toBe(1);
    expect(output).toContain("DYNAMICS_URL: leads to this machine");
    expect(output).toContain("CAMPAIGN_IMS_URL: leads to this machine");
    expect(output).toContain("DYNAMICS_CLIENT_SECRET: is missing");
  });
});
