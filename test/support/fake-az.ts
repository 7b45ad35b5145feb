// A stand-in for the Azure CLI: a program called az in a folder of its own, for the PATH. It remembers what it was asked in a file, and what it was told to
// make in another; how Azure really answers is docs/deploy.md's business.

import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** What there is in Azure, and how `az` behaves. Commands are named by their words, such as `deployment group create`. */
export interface AzureState {
  signedIn: boolean;
  group: boolean;
  secrets: string[];
  /** State of the deployment at the next looks; the last one stays. */
  deployment: string[];
  webhookKeys: Record<string, string>;
  uploads: number;
  /** Where the app answers. */
  webhookUrl: string;
  /** Commands that fail, with what they say, so many times. */
  fail: Record<string, { times: number; says: string }>;
  /** A command that never ends, though Azure carries it out. */
  hang?: string;
}

/** One call: the arguments, what came through standard input, and secrets in its environment by name. */
export interface AzCall {
  command: string;
  args: string[];
  input: string;
  env: Record<string, string>;
  pid: number;
}

/** The stand-in: an environment to run it in, and what it saw. */
export interface FakeAz {
  env: NodeJS.ProcessEnv;
  calls(): AzCall[];
  state(): AzureState;
  change(change: Partial<AzureState>): void;
}

const fresh: AzureState = {
  signedIn: true,
  group: true,
  secrets: [],
  deployment: [],
  webhookKeys: {},
  uploads: 0,
  webhookUrl: "http://127.0.0.1:1/api/ingress-webhook",
  fail: {},
};

/** Makes an `az` of its own. */
export function makeFakeAz(state: Partial<AzureState> = {}): FakeAz {
  const folder = mkdtempSync(join(tmpdir(), "fake-az-"));
  const stateFile = join(folder, "state.json");
  const callsFile = join(folder, "calls");
  const write = (next: AzureState) => writeFileSync(stateFile, JSON.stringify(next));
  const read = () => JSON.parse(readFileSync(stateFile, "utf8")) as AzureState;
  write({ ...fresh, ...state });
  const program = readFileSync("test/support/fake-az-program.cjs", "utf8");
  writeFileSync(join(folder, "az"), `#!${process.execPath}\n${program}`);
  chmodSync(join(folder, "az"), 0o755);
  return {
    env: { PATH: `${folder}${delimiter}${process.env.PATH}`, FAKE_AZ: folder },
    calls: () =>
      existsSync(callsFile)
        ? readFileSync(callsFile, "utf8")
            .split("\n")
            .filter(Boolean)
            .map((line) => JSON.parse(line) as AzCall)
        : [],
    state: read,
    change: (change) => write({ ...read(), ...change }),
  };
}
