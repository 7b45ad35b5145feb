// How long a fresh Node process takes to load the bundle that is deployed, against the bare @azure/functions library.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildApp } from "../../infra/build.js";
import { type SettingDefinition, settingDefinitions } from "../../shared/settings/schema.js";
import type { Bench, Result } from "../bench.js";
import { median } from "../measure.js";

const part = "cold-start";

/** The library is loaded as npm installs it, the app as one file: what each looks like in a Function App. */
export const coldStart: Bench = {
  name: part,
  async run({ full, say }) {
    const directory = mkdtempSync(join(tmpdir(), "bench-cold-start-"));
    try {
      const bundle = join(directory, "main.cjs");
      await buildApp(bundle);
      const library = createRequire(import.meta.url).resolve("@azure/functions");
      const runs = full ? 100 : 25;
      const times = { bundle: [] as Loading[], library: [] as Loading[] };
      say(`${runs} fresh processes each`);
      for (let run = -2; run < runs; run += 1) {
        const sides: ["bundle" | "library", string][] = [
          ["bundle", bundle],
          ["library", library],
        ];
        if (run % 2 === 0) sides.reverse();
        for (const [side, path] of sides) {
          const loading = loadFresh(path);
          // The first two fill the file cache.
          if (run >= 0) times[side].push(loading);
        }
      }
      return toResults(times, statSync(bundle).size);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/** How long a fresh process took. */
export interface Loading {
  /** `require` alone. */
  loadMs: number;
  /** The whole process, from its start to its end. */
  processMs: number;
}

const script = `const startedAt = performance.now();
require(process.argv[1]);
process.stdout.write(String(performance.now() - startedAt), () => process.exit(0));`;

/** Settings that are right, so that all triggers register; nothing is connected to before the first of them fires. */
export const environment: NodeJS.ProcessEnv = {
  ...process.env,
  ...Object.fromEntries(
    Object.entries<SettingDefinition>(settingDefinitions)
      .filter(([, { sample }]) => sample !== "")
      .map(([name, { sample }]) => [name, sample]),
  ),
  NODE_OPTIONS: "",
};

/** Loads an entry file in a process of its own. */
export function loadFresh(path: string): Loading {
  const startedAt = performance.now();
  const said = execFileSync(process.execPath, ["-e", script, path], {
    env: environment,
    stdio: ["ignore", "pipe", "ignore"],
  });
  return { loadMs: Number(said.toString().split("\n").at(-1)), processMs: performance.now() - startedAt };
}

function toResults(times: Record<"bundle" | "library", Loading[]>, bytes: number): Result[] {
  const of = (side: "bundle" | "library", what: keyof Loading): number => median(times[side].map((one) => one[what]));
  const lower = (name: string, value: number, unit: string): Result => ({
    name: `${part} ${name}`,
    value,
    unit,
    goal: null,
    better: "lower",
  });
  return [
    lower("bundle against the bare library, loading", of("bundle", "loadMs") / of("library", "loadMs"), "ratio"),
    lower(
      "bundle against the bare library, whole process",
      of("bundle", "processMs") / of("library", "processMs"),
      "ratio",
    ),
    lower("bundle, loading", of("bundle", "loadMs"), "ms"),
    lower("bare library, loading", of("library", "loadMs"), "ms"),
    lower("bundle, whole process", of("bundle", "processMs"), "ms"),
    lower("bare library, whole process", of("library", "processMs"), "ms"),
    lower("bundle, size", bytes / 1024 / 1024, "MiB"),
  ];
}
