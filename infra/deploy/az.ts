// Runs the Azure CLI, a program of its own. What it is told to do is in the other files.

import { spawn } from "node:child_process";

/** What to run `az` with besides its arguments. `input` goes to its standard input: an argument `@-` is read from there, so that no secret is an argument. */
export interface AzOptions {
  input?: string;
  env?: Readonly<Record<string, string>>;
}

/** Runs `az` with these arguments and answers what it printed. Throws AzError when it fails, a plain error in words when it is not there or not signed in. */
export type Az = (args: readonly string[], options?: AzOptions) => Promise<string>;

/** `az` said no; `output` is what it said, cut to the end of it. */
export class AzError extends Error {
  override readonly name = "AzError";
  constructor(
    command: string,
    readonly output: string,
  ) {
    super(`${command} failed:\n${output}`);
  }
}

const longestOutput = 4_000;

/** The Azure CLI on the PATH of `env`, in the subscription that it stands on (`az account set`). */
export function makeAz(env: NodeJS.ProcessEnv): Az {
  return async (args, options = {}) => {
    const { code, stdout, stderr } = await run(
      [...args, "--only-show-errors"],
      { ...env, ...options.env },
      options.input,
    );
    if (code === 0) return stdout;
    const command = `az ${commandOf(args)}`;
    if (isMissing(code, stderr)) {
      throw new Error(
        "the Azure CLI, az, is not installed or not on the PATH: https://learn.microsoft.com/cli/azure/install-azure-cli",
      );
    }
    if (/\baz login\b/.test(stderr)) {
      throw new Error(`${command}: nobody is signed in to Azure, or the sign-in has ended: run az login`);
    }
    throw new AzError(command, (stderr || stdout).trim().slice(-longestOutput) || `exit code ${code}`);
  };
}

/** The same, answering what was printed as JSON. */
export async function azJson(az: Az, args: readonly string[]): Promise<unknown> {
  const text = await az([...args, "--output", "json"]);
  try {
    return text.trim() === "" ? undefined : JSON.parse(text);
  } catch {
    throw new AzError(`az ${commandOf(args)}`, `printed something that is not JSON:\n${text.slice(0, 500)}`);
  }
}

/** As it is run on Windows, where `az` is a script: cmd.exe parts arguments at blanks and gives `&|<>^()` a meaning outside of quotes. */
export function quoteForCmd(argument: string): string {
  return /^[\w@:/.,=+-]+$/.test(argument) ? argument : `"${argument.replaceAll('"', '\\"')}"`;
}

/** The words that say what is to be done, without options and their values. */
function commandOf(args: readonly string[]): string {
  const end = args.findIndex((argument) => argument.startsWith("-"));
  return args.slice(0, end < 0 ? args.length : end).join(" ");
}

const missing = -1;

/** cmd.exe says that it does not know a command in its own words and, in a script, with 9009. */
function isMissing(code: number, stderr: string): boolean {
  return code === missing || (process.platform === "win32" && (code === 9009 || stderr.startsWith("'az'")));
}

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function run(args: readonly string[], env: NodeJS.ProcessEnv, input = ""): Promise<Ended> {
  const isWindows = process.platform === "win32";
  return new Promise((resolve, reject) => {
    const child = isWindows
      ? spawn(["az", ...args.map(quoteForCmd)].join(" "), { env, shell: true })
      : spawn("az", args, { env });
    const printed = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (chunk: string) => {
        printed[name] += chunk;
      });
    }
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") resolve({ code: missing, ...printed });
      else reject(error);
    });
    child.once("close", (code, signal) => {
      const ended = signal === null ? printed : { ...printed, stderr: `${printed.stderr}\nended by ${signal}` };
      resolve({ code: code ?? 1, ...ended });
    });
    // It may end without reading what it was given.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
