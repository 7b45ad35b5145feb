// What the OpenTelemetry SDK adds to a cold start of the bundle, metrics alone: why docs/telemetry.md does without it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { build } from "esbuild";
import { buildApp } from "../../infra/build.js";
import type { Bench, Result } from "../bench.js";
import { environment, type Loading, loadFresh } from "../ingress/cold-start.js";
import { median, processorMs } from "../measure.js";

const part = "cold-start-open-telemetry";
const sides = ["with", "without"] as const;
type Side = (typeof sides)[number];
const entries: Record<Side, string> = {
  with: "bench/cold-start/with-open-telemetry.ts",
  without: "functions/startup.ts",
};

/** The same bundle with and without the SDK, in turns: loading it alone, and from the start of a host to its first answer. */
export const openTelemetry: Bench = {
  name: part,
  async run({ full, say }) {
    const directory = mkdtempSync(join(tmpdir(), "bench-open-telemetry-"));
    try {
      for (const side of sides) await packApp(join(directory, side), entries[side]);
      const host = await packHost(directory);
      const bundleOf = (side: Side): string => join(directory, side, "dist", "main.cjs");
      const loads: Record<Side, Loading[]> = { with: [], without: [] };
      const answers: Record<Side, number[]> = { with: [], without: [] };
      const [loadRuns, hostRuns] = full ? [100, 30] : [25, 9];
      say(`${loadRuns} fresh processes and ${hostRuns} hosts each`);
      for (let run = -2; run < loadRuns; run += 1) {
        for (const side of inTurn(run)) {
          const loading = loadFresh(bundleOf(side));
          // The first two fill the file cache.
          if (run >= 0) loads[side].push(loading);
        }
      }
      for (let run = -1; run < hostRuns; run += 1) {
        for (const side of inTurn(run)) {
          const ms = await firstAnswer(host, join(directory, side));
          if (run >= 0) answers[side].push(ms);
        }
      }
      return toResults(loads, answers, {
        with: statSync(bundleOf("with")).size,
        without: statSync(bundleOf("without")).size,
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

function inTurn(run: number): readonly Side[] {
  return run % 2 === 0 ? sides : [...sides].reverse();
}

async function packApp(directory: string, entry: string): Promise<void> {
  mkdirSync(join(directory, "dist"), { recursive: true });
  await buildApp(join(directory, "dist", "main.cjs"), { entry });
  for (const file of ["host.json", "package.json"]) copyFileSync(file, join(directory, file));
}

/**
 * The stand-in host as plain JavaScript, its packages beside it: under tsx an app that holds a dynamic import would be transformed at every start,
 * which no real host does.
 */
async function packHost(directory: string): Promise<string> {
  const outfile = join(directory, "host.mjs");
  const entryPoints = ["infra/local/host/main.ts"];
  await build({ entryPoints, bundle: true, platform: "node", format: "esm", packages: "external", outfile });
  symlinkSync(resolve("node_modules"), join(directory, "node_modules"));
  return outfile;
}

/**
 * Processor time that a host's process takes from its start to its answer to a notice that is none, a request the app handles without asking anybody. Other
 * work on the machine does not count in it.
 */
async function firstAnswer(host: string, appDirectory: string): Promise<number> {
  const env = { ...environment, LOCAL_FUNCTION_KEY: "bench" };
  const child = spawn(process.execPath, [host, "--app", appDirectory, "--port", "0"], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const answer = await fetch(`${await addressOf(child)}/api/ingress-webhook?code=bench`, {
      method: "POST",
      body: "-",
    });
    if (answer.status !== 400) throw new Error(`the webhook answered ${answer.status}`);
    return processorMs(child.pid);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

/** The address that a host prints when it serves. */
async function addressOf({ stdout }: { stdout: Readable }): Promise<string> {
  let said = "";
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    const address = /ready at (http:\S+)/.exec(said)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error(`the host ended before it served: ${said.slice(-500)}`);
}

function toResults(
  loads: Record<Side, Loading[]>,
  answers: Record<Side, number[]>,
  bytes: Record<Side, number>,
): Result[] {
  const loading = (side: Side): number => median(loads[side].map(({ loadMs }) => loadMs));
  const answered = (side: Side): number => median(answers[side]);
  const lower = (name: string, value: number, unit: string): Result => ({
    name: `${part} ${name}`,
    value,
    unit,
    goal: null,
    better: "lower",
  });
  return [
    lower("loading, with against without", loading("with") / loading("without"), "ratio"),
    lower("loading, without", loading("without"), "ms"),
    lower(
      "first answer of a host, processor time, with against without",
      answered("with") / answered("without"),
      "ratio",
    ),
    lower("first answer of a host, processor time, without", answered("without"), "ms"),
    lower("bundle, with against without", bytes.with / bytes.without, "ratio"),
  ];
}
