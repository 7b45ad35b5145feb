// What the host's process holds while it loads: flat, however many contacts there are.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, Result } from "../bench.js";
import { median } from "../measure.js";
import { type System, withSystem } from "./system.js";

const part = "memory";
const mib = 1024 * 1024;

/** Loads the probe into a process that is told to write to this file. */
export function probed(file: string): Record<string, string> {
  const probe = new URL("memory-probe.mjs", import.meta.url).href;
  return { BENCH_MEMORY_FILE: file, NODE_OPTIONS: `--import ${probe}` };
}

/** In bytes; `rss` before a collection of all garbage, the others after it. */
export interface Sample {
  rss: number;
  heapUsed: number;
  external: number;
}

/** A load of 5,000 contacts, 500,000 in full: without latency, as fast as this machine can. */
export const memory: Bench = {
  name: part,
  async run({ full, say }) {
    const contacts = full ? 500_000 : 5_000;
    const directory = mkdtempSync(join(tmpdir(), "bench-memory-"));
    const file = join(directory, "samples.jsonl");
    try {
      // The most that a host has in hand at a time.
      const settings = { LANES: "16" };
      return await withSystem({ contacts, settings }, async (system) => {
        await system.startHost({ webhook: false, env: probed(file) });
        say(`loading ${contacts.toLocaleString("en")} contacts`);
        const startedAt = performance.now();
        await loaded(system, contacts, say);
        const seconds = (performance.now() - startedAt) / 1_000;
        const what = `${part} over a load of ${contacts.toLocaleString("en")}`;
        return heldOver(what, readSamples(file), seconds, full);
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/** Waits for the last profile. Throws when none is added for five minutes. */
async function loaded({ observer }: System, contacts: number, say: (line: string) => void): Promise<void> {
  let told = 0;
  let count = 0;
  let movedAt = performance.now();
  while (count < contacts) {
    await sleep(1_000);
    const before = count;
    count = await observer.profileCount();
    if (count > before) movedAt = performance.now();
    if (performance.now() - movedAt > 300_000) throw new Error(`the load stands still at ${count} of ${contacts}`);
    if (count < told + contacts / 5) continue;
    say(`${count.toLocaleString("en")} of them`);
    told = count;
  }
}

/** What the probe has written so far. */
export function readSamples(file: string): Sample[] {
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Sample);
}

/** The first fifth is warm-up: code is compiled, buffers and the heap find their size. What is left is cut into thirds. */
export function heldOver(what: string, samples: readonly Sample[], seconds: number, full: boolean): Result[] {
  const settled = samples.slice(Math.ceil(samples.length / 5));
  const third = Math.floor(settled.length / 3);
  const of = (part: readonly Sample[], what: keyof Sample): number => median(part.map((sample) => sample[what])) / mib;
  const [early, late] = [settled.slice(0, third), settled.slice(-third)];
  const lower = (name: string, value: number, unit: string, goal: number | null = null): Result => ({
    name: `${what}, ${name}`,
    value,
    unit,
    goal,
    better: "lower",
  });
  // A short load ends before V8 has given the heap its size: what is resident then says how long the run was.
  const flat = full ? 1.1 : null;
  return [
    lower("heap held, last third against first", of(late, "heapUsed") / of(early, "heapUsed"), "ratio", 1.1),
    lower("resident, last third against first", of(late, "rss") / of(early, "rss"), "ratio", flat),
    lower("heap held, last third", of(late, "heapUsed"), "MiB"),
    lower("resident, last third", of(late, "rss"), "MiB"),
    lower("buffers held, last third", of(late, "external"), "MiB"),
    lower("resident, most", Math.max(...samples.map(({ rss }) => rss)) / mib, "MiB"),
    lower("time", seconds, "s"),
  ];
}
