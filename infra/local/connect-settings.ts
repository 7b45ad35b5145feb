// A file that names real systems to the settings of an app on this machine: what it does not name is as deployed, and which system it does not name is a
// stand-in. What is done with them is connect.ts.

import { SettingsError, type SettingsProblem } from "../../shared/errors.js";
import { loadSettings } from "../../shared/settings/load.js";
import { type SettingDefinition, type SettingName, settingDefinitions } from "../../shared/settings/schema.js";

/** Which systems are real. */
export interface RealSystems {
  dynamics: boolean;
  campaign: boolean;
}

/** Settings that differ from those of the local runtime; "" takes one back to its default, whatever the environment of this shell holds. */
export interface Connection {
  settings: Readonly<Record<string, string>>;
  real: RealSystems;
}

/** Where the file and the secrets come from. `mayLoopBack`: only a test puts stand-ins in the place of real systems. */
export interface ConnectionSource {
  /** Names the file in problems. */
  file: string;
  text: string;
  environment: Readonly<Record<string, string | undefined>>;
  isDryRun: boolean;
  fingerprintKey: string;
  mayLoopBack?: boolean;
}

const definitions: readonly [string, SettingDefinition][] = Object.entries<SettingDefinition>(settingDefinitions);
/** What this machine says itself. */
const ours: Readonly<Record<string, string>> = {
  RUNTIME: "it is local here",
  DRY_RUN: "nothing is written unless --write is given",
  SERVICEBUS: "the bus is on this machine",
  SERVICEBUS__fullyQualifiedNamespace: "the bus is on this machine",
  NOTICES: "no webhook and no queue is registered: change tracking is read",
  NOTICES__fullyQualifiedNamespace: "no webhook and no queue is registered: change tracking is read",
  FINGERPRINT_KEY: "the folder has one of its own",
  TABLES: "the tables are on this machine",
  TABLES__tableServiceUri: "the tables are on this machine",
};
/** Often enough to be watched, seldom enough for a real environment. */
const sweepSchedule = "*/10 * * * * *";

/** Throws SettingsError with everything that is wrong with the file, or missing; never with a secret's value. */
export function readConnection(source: ConnectionSource): Connection {
  const values = valuesIn(source);
  const real = { dynamics: values.DYNAMICS_URL !== undefined, campaign: values.CAMPAIGN_TENANT !== undefined };
  const given = { ...secretsIn(source.environment, real), ...values };
  const problems = [...problemsOf(source, given, real)];
  const isOfStandIn = (name: string): boolean =>
    isOfRuntime.has(name) ||
    (!real.dynamics && name.startsWith("DYNAMICS_")) ||
    (!real.campaign && name.startsWith("CAMPAIGN_"));
  const [kept, others] = [
    definitions.filter(([name]) => isOfStandIn(name)),
    definitions.filter(([name]) => !isOfStandIn(name)),
  ];
  const settings = {
    ...Object.fromEntries(others.map(([name]) => [name, ""])),
    ...(real.dynamics && { DYNAMICS_AUTH: "client-secret" }),
    SWEEP_SCHEDULE: sweepSchedule,
    FINGERPRINT_KEY: source.fingerprintKey,
    ...given,
    DRY_RUN: source.isDryRun ? "on" : "off",
  };
  try {
    loadSettings({ ...Object.fromEntries(kept.map(([name, { sample }]) => [name, sample])), ...settings });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const known = new Set(problems.map(({ setting }) => setting));
    problems.push(...error.problems.filter(({ setting }) => !known.has(setting)));
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return { settings, real };
}

const isOfRuntime: ReadonlySet<string> = new Set(["RUNTIME", "SERVICEBUS", "TABLES"]);

/** Nothing but secrets of real systems is taken from the environment: an address that somebody exported for something else would be connected to. */
function secretsIn(environment: ConnectionSource["environment"], real: RealSystems): Record<string, string> {
  const isMeant = (name: string): boolean =>
    (real.dynamics && name.startsWith("DYNAMICS_")) || (real.campaign && name.startsWith("CAMPAIGN_"));
  const secrets = definitions.filter(([name, { secret }]) => secret && isMeant(name));
  return Object.fromEntries(
    secrets.flatMap(([name]) => {
      const value = environment[name];
      return value ? [[name, value]] : [];
    }),
  );
}

function valuesIn({ file, text }: ConnectionSource): Record<string, string> {
  const wrong = (problem: string): SettingsError =>
    new SettingsError([
      {
        setting: file,
        problem,
        fix: 'It reads { "Values": { "DYNAMICS_URL": "…", … } }, as infra/local/connect.sample.json',
      },
    ]);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw wrong("is not JSON");
  }
  const values = typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>).Values : undefined;
  if (typeof values !== "object" || values === null || Array.isArray(values)) throw wrong("has no Values");
  const odd = Object.entries(values).find(([, value]) => typeof value !== "string");
  if (odd) throw wrong(`has a value of ${odd[0]} that is no text`);
  return values as Record<string, string>;
}

function* problemsOf(
  { file, mayLoopBack = false }: ConnectionSource,
  given: Readonly<Record<string, string>>,
  real: RealSystems,
): Iterable<SettingsProblem> {
  for (const name of Object.keys(given)) {
    const why = ours[name];
    if (why !== undefined) yield { setting: name, problem: `is not for ${file}: ${why}`, fix: "Leave it out." };
    else if (!Object.hasOwn(settingDefinitions, name)) {
      yield { setting: name, problem: "is no setting", fix: "README.md lists them." };
    }
  }
  if (!real.dynamics && !real.campaign) {
    const fix = "Name DYNAMICS_URL, CAMPAIGN_TENANT or both, as infra/local/connect.sample.json does.";
    yield { setting: file, problem: "names no real system", fix };
  }
  if (real.dynamics && given.DYNAMICS_AUTH !== undefined && given.DYNAMICS_AUTH !== "client-secret") {
    const fix = "Leave it out, and give DYNAMICS_TENANT_ID, DYNAMICS_CLIENT_ID and DYNAMICS_CLIENT_SECRET.";
    yield { setting: "DYNAMICS_AUTH", problem: "must be client-secret: this machine has no managed identity", fix };
  }
  const astray = (prefix: string, name: SettingName): SettingsProblem[] =>
    Object.keys(given)
      .filter((one) => one.startsWith(prefix))
      .map((setting) => ({ setting, problem: `is given without ${name}`, fix: `Give ${name}, or leave it out.` }));
  if (!real.dynamics) yield* astray("DYNAMICS_", "DYNAMICS_URL");
  if (!real.campaign) yield* astray("CAMPAIGN_", "CAMPAIGN_TENANT");
  if (mayLoopBack) return;
  for (const [name, value] of Object.entries(given)) {
    if (!URL.canParse(value) || !isLoopback(new URL(value).hostname)) continue;
    yield { setting: name, problem: "leads to this machine", fix: "A real system is reached over https, by its name." };
  }
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host);
}
