import { execFile } from "node:child_process";

/** How `npm run settings` ended, and what it printed. */
export interface SettingsRun {
  code: unknown;
  out: string;
  error: string;
}

/** Runs `npm run settings` as it is started from a shell, with these variables beside those of this process. */
export function runSettings(args: readonly string[], variables: Record<string, string>): Promise<SettingsRun> {
  const env = { ...process.env, ...variables };
  const all = ["--import", "tsx", "infra/settings/main.ts", ...args];
  return new Promise((resolve) =>
    execFile(process.execPath, all, { env, timeout: 100_000 }, (error, out, text) =>
      resolve({ code: error?.code ?? (error ? error.signal : 0), out, error: text }),
    ),
  );
}
