// Client secrets of Campaign and of Dynamics, changed while people edit contacts: docs/operate.md, "Rotate". The wrong order first: the old secret goes
// before the app knows the new one. A token of Campaign's lives for a day, and for so long nobody would notice; here it lives for seconds.

import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";
import { editSteadily } from "../support/steady-edits.js";

let system: SmallSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

const contacts = 30;
const fresh = "local-secret-of-tomorrow";

/** A peer whose secret is changed. `valid` says which secrets it takes from now on; `shortTokens` makes it asked for a token every few seconds. */
const peers = {
  campaign: {
    setting: "CAMPAIGN_CLIENT_SECRET",
    old: "local-secret",
    path: "/ims/token/v3",
    check: "campaign",
    valid: ({ observer }: SmallSystem, secrets: readonly string[]) => {
      const clients = secrets.map((clientSecret) => ({ clientId: "local-client", clientSecret }));
      return observer.command("campaign", "settings", { clients });
    },
    shortTokens: ({ observer }: SmallSystem) => observer.command("campaign", "settings", { tokenLifetimeS: tokenLife }),
  },
  dataverse: {
    setting: "DYNAMICS_CLIENT_SECRET",
    old: "local-integration-secret",
    path: "/oauth2/v2.0/token",
    check: "dynamics and tables",
    valid: ({ observer }: SmallSystem, secrets: readonly string[]) =>
      observer.command("dataverse", "secrets", { secrets }),
    shortTokens: ({ observer }: SmallSystem) =>
      observer.command("dataverse", "switches", { tokenLifetimeSeconds: tokenLife }),
  },
} as const;
const tokenLife = 10;

/** Health of the app: what is wrong, by check. */
async function health(host: LocalProcess): Promise<{ status: number; problems: Record<string, string> }> {
  const response = await fetch(`${host.address}/api/health?code=local-function-key`);
  const { checks } = (await response.json()) as { checks: { name: string; ok: boolean; problem?: string }[] };
  const wrong = checks.filter(({ ok }) => !ok).map(({ name, problem = "" }) => [name, problem]);
  return { status: response.status, problems: Object.fromEntries(wrong) };
}

describe.each(["campaign", "dataverse"] as const)("the client secret of %s", (peer) => {
  const { setting, old, path, check, valid, shortTokens } = peers[peer];

  it("withdrawn too early closes the gate: no failure, nothing lost, health and log say why, and a restart with the new one catches up", async () => {
    const small = await startSmallSystem(contacts);
    system = small;
    await shortTokens(small);
    const host = await small.startHost();
    await small.register(host);
    await small.agree();
    const edits = editSteadily(small.editor, contacts);
    await edits.more(20);

    await valid(small, [fresh]);
    const said = await eventually("a refusal", async () => signInLine(small));
    const ill = await eventually("health to name it", async () => {
      const now = await health(host);
      return now.status === 503 && check in now.problems ? now : undefined;
    });
    await edits.stop();
    await host.stop();
    const restarted = await small.startHost("host", { [setting]: fresh });
    await small.agree();

    expect(said).toContain(setting);
    expect(ill.problems[check]).toContain(setting);
    expect((await health(restarted)).status).toBe(200);
    expect(await small.failures()).toEqual([]);
    expect(small.logs()).not.toContain("dead letter ");
    expect(small.logs()).not.toContain(fresh);
  }, 300_000);

  it("added before the old one is removed, with one of two hosts restarted at a time, has no call refused", async () => {
    const small = await startSmallSystem(contacts);
    system = small;
    await shortTokens(small);
    const first = await small.startHost("host");
    const second = await small.startHost("host-2");
    await small.register(first);
    await small.agree();
    const edits = editSteadily(small.editor, contacts);
    await edits.more(20);

    await valid(small, [old, fresh]);
    await second.stop();
    await small.startHost("host-2", { [setting]: fresh });
    await first.stop();
    await small.startHost("host", { [setting]: fresh });
    await edits.more(20);
    await valid(small, [fresh]);
    const before = (await tokenRequests(small, peer, path)).total;
    // Each host asks for another token before its last one ends, with the only secret that is left.
    await eventually("tokens of the new secret", async () => {
      return (await tokenRequests(small, peer, path)).total >= before + 2 ? true : undefined;
    });
    await edits.stop();
    await small.agree();

    expect((await tokenRequests(small, peer, path)).refused).toBe(0);
    expect(signInLine(small)).toBeUndefined();
    expect(await small.failures()).toEqual([]);
  }, 300_000);
});

/** The line that alert `sign-in` looks for (infra/modules/alerts.bicep). */
function signInLine(small: SmallSystem): string | undefined {
  return small
    .logs()
    .split("\n")
    .find((line) => line.includes('"kind":"auth"'));
}

/** How often a token was asked for, and refused. */
async function tokenRequests(
  { runtime }: SmallSystem,
  peer: "campaign" | "dataverse",
  path: string,
): Promise<{ total: number; refused: number }> {
  const answer = await fetch(`${runtime.addresses[peer]}/_sim/requests?limit=1`);
  const { counts } = (await answer.json()) as { counts: Record<string, { status: Record<string, number> }> };
  const statuses = Object.entries(counts).flatMap(([key, { status }]) =>
    key.endsWith(path) ? Object.entries(status) : [],
  );
  const sum = (all: typeof statuses) => all.reduce((total, [, count]) => total + count, 0);
  return { total: sum(statuses), refused: sum(statuses.filter(([status]) => status !== "200")) };
}
