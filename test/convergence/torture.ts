// `npm run torture -- --seeds N [--seed S] [--from S] [--events | --opt-outs]`: plays that many histories, one after another, and prints every one that fails with
// the command that replays it. Exits 1 if any did. `--events`: of e-mail events, `--opt-outs`: of records with
// choices on both sides.

import { parseArgs } from "node:util";
import { playEventSeed } from "./events/play.js";
import { playOptOutSeed } from "./opt-outs/play.js";
import { playSeed } from "./play.js";
import { report, type Verdict } from "./verdict.js";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    seed: { type: "string" },
    from: { type: "string", default: "1" },
    brief: { type: "boolean", default: false },
    events: { type: "boolean", default: false },
    "opt-outs": { type: "boolean", default: false },
  },
});

const play: (seed: number) => Promise<Verdict> = values.events
  ? playEventSeed
  : values["opt-outs"]
    ? playOptOutSeed
    : playSeed;
const options = values.events ? "--events " : values["opt-outs"] ? "--opt-outs " : "";
const single = values.seed === undefined ? undefined : Number(values.seed);
const first = single ?? Number(values.from);
const count = single === undefined ? Number(values.seeds) : 1;
const startedAt = Date.now();
const broken = new Map<string, number[]>();
let failed = 0;

for (let seed = first; seed < first + count; seed += 1) {
  const verdict = await play(seed);
  if (verdict.violations.length === 0) continue;
  failed += 1;
  for (const rule of new Set(verdict.violations.map((violation) => violation.rule))) {
    broken.set(rule, [...(broken.get(rule) ?? []), seed]);
  }
  if (!values.brief) console.log(`${report(verdict, options)}\n`);
}

const seconds = (Date.now() - startedAt) / 1000;
console.log(
  `${count} histories in ${seconds.toFixed(1)} s (${((seconds * 1000) / count).toFixed(0)} ms each), ${failed} failed`,
);
for (const [rule, seeds] of broken) console.log(`  ${seeds.length} × ${rule}: seeds ${seeds.slice(0, 20).join(" ")}`);
process.exitCode = failed === 0 ? 0 : 1;
