// Azure's own compiler over every Bicep and parameter file. What can be said without it is infra/bicep-check.

import { readdirSync } from "node:fs";
import { type Az, AzError } from "./az.js";
import { missingVariables } from "./parameter-file.js";

/** Every Bicep and parameter file below `folder`. */
export function bicepFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
    .filter((path) => /\.bicep(param)?$/.test(path))
    .sort();
}

/**
 * Compiles each file and throws away what comes of it; answers what the compiler said, by file. A variable that a parameter file wants and `env` does not
 * have stands there as its own name: only the file is judged. Throws where there is no `az`.
 */
export async function compileBicep(
  az: Az,
  files: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, string>> {
  const problems = new Map<string, string>();
  for (const file of files) {
    const isParameters = file.endsWith(".bicepparam");
    const standIns = isParameters ? missingVariables(file, env).map((name) => [name, name] as const) : [];
    const command = isParameters ? "build-params" : "build";
    await az(["bicep", command, "--file", file, "--stdout"], { env: Object.fromEntries(standIns) }).catch(
      (error: unknown) => {
        if (!(error instanceof AzError)) throw error;
        problems.set(file, error.output);
      },
    );
  }
  return problems;
}
