// What the host's process holds while it brings history to Dynamics: flat, however many events there are; and what a script holds that reads all rows before
// it writes any.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeOperator, type Operator } from "../../infra/local/operator.js";
import { eventTypes } from "../../shared/model/email-event.js";
import { type Bench, type Result, rate } from "../bench.js";
import { heldOver, probed, readSamples } from "../ingress/memory.js";
import type { System } from "../ingress/system.js";
import { type EventSystem, inventEvents, withEvents } from "./event-system.js";

const part = "egress-backfill-memory";
const contacts = 500;
const happenAtOnce = 2_000;
const mib = 1024 * 1024;

/** A back-fill of 10,000 events, 400,000 in full: without latency, as fast as this machine can. */
export const backfillMemory: Bench = {
  name: part,
  async run({ full, say }) {
    const count = full ? 400_000 : 10_000;
    const directory = mkdtempSync(join(tmpdir(), "bench-backfill-"));
    const file = join(directory, "samples.jsonl");
    try {
      const before = async (system: System): Promise<void> => {
        say(`${count.toLocaleString("en")} events happen before anybody pulls`);
        const events = inventEvents(count, contacts);
        for (let start = 0; start < count; start += happenAtOnce) {
          await system.tell("campaign", "events", events.slice(start, start + happenAtOnce));
        }
        // History is older than what the pull reads again, in every run or four times an hour.
        await sleep(full ? 1_860_000 : 130_000);
      };
      return await withEvents({ contacts, before, env: probed(file) }, async (system) => {
        const operator = makeOperator(() => system.host.address, String(system.runtime.settings.LOCAL_FUNCTION_KEY));
        await order(operator, say);
        const idle = readSamples(file).length;
        const startedAt = performance.now();
        await brought(system, count, say);
        const seconds = (performance.now() - startedAt) / 1_000;
        const what = `${part} over ${count.toLocaleString("en")} events`;
        return [
          ...heldOver(what, readSamples(file).slice(idle), seconds, full),
          rate(`${what}, speed`, count / seconds, "events/s"),
          await readAll(system, what),
        ];
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function order(operator: Operator, say: (line: string) => void): Promise<void> {
  const period = { from: "2020-01-01T00:00:00Z", types: eventTypes };
  const estimate = (await operator.send("POST", "/egress/backfill/estimate", period)) as { rows: number };
  say(`estimated: ${JSON.stringify(estimate)}`);
  await operator.send("POST", "/egress/backfill", { ...period, confirm: { rows: estimate.rows } });
}

/** Waits for the last activity. Throws when none is added for five minutes. */
async function brought({ activityCount }: EventSystem, count: number, say: (line: string) => void): Promise<void> {
  let movedAt = performance.now();
  let told = 0;
  for (let found = 0; found < count; ) {
    await sleep(500);
    const before = found;
    found = await activityCount();
    if (found > before) movedAt = performance.now();
    if (performance.now() - movedAt > 300_000) throw new Error(`it stands still at ${found} of ${count}`);
    if (found < told + count / 5) continue;
    say(`${found.toLocaleString("en")} of them`);
    told = found;
  }
}

async function readAll({ runtime }: System, what: string): Promise<Result> {
  const script = fileURLToPath(new URL("read-all.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--expose-gc",
    script,
    String(runtime.addresses.campaign),
  ]);
  const { held } = JSON.parse(stdout) as { held: number };
  const name = `${what}, held by a script that reads them all first`;
  return { name, value: held / mib, unit: "MiB", goal: null, better: "lower" };
}
