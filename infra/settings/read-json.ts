import { readFileSync } from "node:fs";
import { SettingsError } from "../../shared/errors.js";

/** What a file holds as JSON; line ends and the mark that some editors begin a file with mean nothing. SettingsError: it cannot be read, or is none. */
export function readJson(file: string, fix = "correct it"): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8").replace(/^\uFEFF/, ""));
  } catch (error) {
    const what = error instanceof SyntaxError ? "is no JSON" : "cannot be read";
    const problem = `${what}: ${error instanceof Error ? error.message : String(error)}`;
    throw new SettingsError([{ setting: file, problem, fix }]);
  }
}
