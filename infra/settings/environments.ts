// Which apps there are: environments.json, one entry for each. Keys are never in it: they come from the environment of the process.

import { z } from "zod";
import { SettingsError } from "../../shared/errors.js";
import { readJson } from "./read-json.js";

/** Values that differ from environment to environment, by name: what `{ "$env": "name" }` in a document stands for. */
export type EnvironmentValues = Readonly<Record<string, unknown>>;

/** One app and what is said to it. */
export interface Environment {
  name: string;
  /** Where its functions are, without trailing slash: `https://app.azurewebsites.net/api`. */
  url: string;
  values: EnvironmentValues;
  /** LCID of the labels in its documents; undefined: as in force. */
  language: number | undefined;
}

const environmentsSchema = z.record(
  z.string().regex(/^[a-z][a-z0-9-]{0,29}$/),
  z.strictObject({
    url: z.string(),
    language: z.int().min(1).max(0xffff).optional(),
    values: z.record(z.string().regex(/^[A-Za-z][\w-]{0,59}$/), z.unknown()).default({}),
  }),
);

/** The environment called `name` of this file. SettingsError: it names every problem. */
export function readEnvironment(file: string, name: string): Environment {
  const all = environmentsSchema.safeParse(
    readJson(file, "copy infra/settings/environments.sample.json, or correct it"),
  );
  if (!all.success) {
    throw new SettingsError(
      all.error.issues.map(({ path, code, message }) => ({
        setting: `${file}: ${path.join(".")}`,
        problem:
          code === "invalid_key"
            ? "is no name: it takes letters, small ones for an environment, digits and -"
            : message,
        fix: "see infra/settings/environments.sample.json",
      })),
    );
  }
  const known = all.data[name];
  if (!known) {
    const problem = `has no environment ${name}; it has ${Object.keys(all.data).join(", ") || "none"}`;
    throw new SettingsError([{ setting: file, problem, fix: "correct --env, or add it" }]);
  }
  if (!isSafeUrl(known.url)) {
    const problem = "must read https://<app>/api";
    throw new SettingsError([
      { setting: `${file}: ${name}.url`, problem, fix: "a key goes there: only TLS will do, but on this machine" },
    ]);
  }
  return { name, url: known.url.replace(/\/+$/, ""), values: known.values, language: known.language };
}

/** The function key of an environment. SettingsError: its variable is not set. */
export function readKey(name: string, variables: Readonly<Record<string, string | undefined>>): string {
  const setting = keyVariable(name);
  const key = variables[setting]?.trim() ?? "";
  if (key !== "") return key;
  const fix = "set it to a function key of the control API (docs/operate.md); keep it out of files";
  throw new SettingsError([{ setting, problem: "is missing", fix }]);
}

/** Name of the variable that holds an environment's key: `CONTROL_KEY_STAGE`. */
export function keyVariable(name: string): string {
  return `CONTROL_KEY_${name.toUpperCase().replaceAll("-", "_")}`;
}

function isSafeUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname, pathname, username, password, search, hash } = new URL(given);
  const isLocal = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
  const isEncrypted = protocol === "https:" || (protocol === "http:" && isLocal);
  return isEncrypted && /\/api\/?$/.test(pathname) && username + password + search + hash === "";
}
