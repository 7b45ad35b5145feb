// The key that Dynamics shows at the webhook, changed while people edit contacts: docs/operate.md, "Rotate". Keys of the function are set as
// `az functionapp function keys set` sets them, through the host's admin API.

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

/** Sets a key of the webhook's function, or deletes it. */
async function changeKey(host: LocalProcess, name: string, value: string | undefined): Promise<void> {
  const response = await fetch(`${host.address}/admin/functions/ingress-webhook/keys/${name}`, {
    method: value === undefined ? "DELETE" : "PUT",
    headers: { "x-functions-key": "local-master-key" },
    ...(value !== undefined && { body: JSON.stringify({ name, value }) }),
  });
  expect(response.ok).toBe(true);
}

/** How the app answered Dynamics' notices so far: count by status. */
async function answers({ observer }: SmallSystem): Promise<Record<string, number>> {
  const state = (await observer.rows("webhooks")) as unknown as { statuses: Record<string, number> };
  return state.statuses;
}

const noticesOf = (small: SmallSystem): number => small.logs().match(/notice queued/g)?.length ?? 0;

/** A system in which Dynamics shows key `old`, and everything is in step. */
async function startWithKey(): Promise<{ small: SmallSystem; host: LocalProcess }> {
  const small = await startSmallSystem(contacts);
  system = small;
  const host = await small.startHost();
  await changeKey(host, "dynamics", "old-key-of-the-webhook");
  await small.register(host, "old-key-of-the-webhook");
  await small.agree();
  return { small, host };
}

describe("a new webhook key that is valid before the old one goes", () => {
  it("lets every notice in while people edit, so that nothing waits for the sweep", async () => {
    const { small, host } = await startWithKey();
    const edits = editSteadily(small.editor, contacts);
    await edits.more(30);

    await changeKey(host, "dynamics-2", "new-key-of-the-webhook");
    expect(await answerTo(host, "new-key-of-the-webhook")).not.toBe(401);
    await edits.more(30);
    await small.register(host, "new-key-of-the-webhook");
    await edits.more(30);
    await changeKey(host, "dynamics", undefined);
    await edits.more(30);
    const made = await edits.stop();
    await small.agree();

    const noticed = await eventually("all notices to be answered", async () => {
      const statuses = await answers(small);
      const all = Object.values(statuses).reduce((sum, count) => sum + count, 0);
      return all >= made ? statuses : undefined;
    });
    expect(Object.keys(noticed)).toEqual(["202"]);
    expect(await answerTo(host, "old-key-of-the-webhook")).toBe(401);
  }, 200_000);
});

describe("a webhook key that is changed without its successor being known to Dynamics", () => {
  it("refuses notices, which Dynamics does not repeat, and the sweep brings every edit; after dataverse:apply notices come again", async () => {
    const { small, host } = await startWithKey();
    const edits = editSteadily(small.editor, contacts);
    await edits.more(10);

    await changeKey(host, "dynamics", "new-key-of-the-webhook");
    await edits.more(60);
    await edits.stop();
    await small.agree();
    const refused = await answers(small);
    await small.register(host, "new-key-of-the-webhook");
    const before = noticesOf(small);
    const later = editSteadily(small.editor, contacts);
    await later.more(10);
    await later.stop();
    await eventually("notices", async () => noticesOf(small) > before || undefined);
    await small.agree();

    expect(refused[401]).toBeGreaterThan(0);
    expect((await answers(small))[401]).toBe(refused[401]);
    expect(await small.failures()).toEqual([]);
  }, 200_000);
});

/** How the webhook answers an empty notice that shows this key. */
async function answerTo(host: LocalProcess, key: string): Promise<number> {
  const response = await fetch(`${host.address}/api/ingress-webhook?code=${key}`, { method: "POST", body: "{}" });
  return response.status;
}
