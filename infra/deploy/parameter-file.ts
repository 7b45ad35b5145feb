// What a .bicepparam file wants of the environment. Found in its text: whoever adds a variable there needs to change nothing here.

import { readFileSync } from "node:fs";

/** A variable that a parameter file reads; without a default it has to be there. */
export interface ParameterVariable {
  name: string;
  isRequired: boolean;
}

/** Every variable that the file reads. */
export function variablesOf(file: string): ParameterVariable[] {
  const reads = readFileSync(file, "utf8").matchAll(/readEnvironmentVariable\(\s*'([^']+)'\s*(,?)/g);
  return [...reads].map(([, name = "", comma]) => ({ name, isRequired: comma !== "," }));
}

/** Names of the variables that have to be there and are not. */
export function missingVariables(file: string, env: NodeJS.ProcessEnv): string[] {
  return variablesOf(file)
    .filter(({ name, isRequired }) => isRequired && !env[name])
    .map(({ name }) => name);
}
