import { spawn } from "node:child_process";
import { standardPorts } from "../../infra/local/runtime.js";

/** How a process ended, and all it printed. */
export interface Ended {
  code: number | null;
  output: string;
}

const freePorts = Object.keys(standardPorts).flatMap((name) => [`--port-${name}`, "0"]);

/** Runs what `npm start` runs, on free ports. `onOutput` may end it. */
export function startRun(
  args: readonly string[],
  onOutput: (output: string, stop: () => void) => void = () => {},
): Promise<Ended> {
  const child = spawn(process.execPath, ["--import", "tsx", "infra/local/run.ts", ...freePorts, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const take = (chunk: Buffer): void => {
    output += chunk.toString("utf8");
    onOutput(output, () => child.kill("SIGINT"));
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, output })));
}
