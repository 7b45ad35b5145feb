// The app of one environment, as this program talks to it: the routes of settings in docs/control-api.json.

import { z } from "zod";
import { ConflictError, RefusedError, type SettingsProblem, UnavailableError } from "../../shared/errors.js";
import { makeAxiosTransport } from "../../shared/http/axios-transport.js";
import type { Transport } from "../../shared/http/client.js";
import { parseJson } from "../../shared/http/json.js";
import { type Environment, keyVariable } from "./environments.js";

const problemSchema = z.object({ path: z.string(), problem: z.string(), fix: z.string() });
const versionSchema = z.object({
  version: z.int(),
  previous: z.int(),
  publishedAt: z.string(),
  by: z.string(),
  note: z.string(),
  tables: z.array(z.string()),
});
const historySchema = z.object({ inForce: z.int(), versions: z.array(versionSchema), more: z.boolean() });
const currentSchema = versionSchema.extend({ language: z.int(), documents: z.array(z.unknown()) });
const resultSchema = z.object({
  outcome: z.enum(["published", "unchanged", "checked", "refused"]),
  version: z.int(),
  problems: z.array(problemSchema),
  warnings: z.array(problemSchema),
  changes: z.array(z.object({ table: z.string(), change: z.enum(["new", "changed", "removed"]) })),
  differences: z.array(
    z.object({ table: z.string(), path: z.string(), from: z.unknown().optional(), to: z.unknown().optional() }),
  ),
  replays: z.object({ ordered: z.array(z.string()), owed: z.array(z.string()) }),
});
const statusSchema = z.object({ settingsVersion: z.int(), dryRun: z.unknown().optional() });
const rangeSchema = z.object({ least: z.number(), most: z.number() });
const estimateSchema = z.object({
  records: z.object({ count: z.int() }).optional(),
  campaignCalls: rangeSchema.optional(),
  hours: rangeSchema.optional(),
});
const refusalSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), problems: z.array(problemSchema).optional() }),
});

/** A published version, without its documents. */
export type Version = z.output<typeof versionSchema>;
/** The version in force, with its documents. */
export type Current = z.output<typeof currentSchema>;
/** What publishing would do, or did. */
export type Outcome = z.output<typeof resultSchema>;

/** What a replay `changed` of a table would take. */
export type Estimate = z.output<typeof estimateSchema>;

/** All documents that are to be in force together. */
export interface Wanted {
  documents: readonly unknown[];
  language: number | undefined;
}

/** How they are published; `by` is an id of who does it. */
export interface Publishing {
  note: string | undefined;
  basedOn: number;
  by: string | undefined;
}

/**
 * What is asked of an app. `check` and `publish` are about the version that is named. ConflictError: another one is in force; RefusedError: the app says no, with its reasons; UnavailableError:
 * nobody answers.
 */
export interface SettingsApp {
  current(): Promise<Current>;
  history(limit: number): Promise<{ inForce: number; versions: readonly Version[]; more: boolean }>;
  version(version: number): Promise<Current>;
  /** The version that an instance works by, a second behind at most; `isDryRun`: all of it is on paper. */
  worksBy(): Promise<{ version: number; isDryRun: boolean }>;
  estimate(table: string): Promise<Estimate>;
  check(wanted: Wanted, basedOn: number): Promise<Outcome>;
  publish(wanted: Wanted, how: Publishing): Promise<Outcome>;
  rollBack(version: number, how: Publishing): Promise<Outcome>;
}

/** Publishing asks Dynamics and Campaign; the platform cuts it off after 230 s. */
const timeoutMs = 240_000;

/** Makes it, with a function key of the app; asks nothing yet. */
export function makeSettingsApp(
  { name, url }: Environment,
  key: string,
  transport: Transport = makeAxiosTransport(),
): SettingsApp {
  const ask = async <T>(
    schema: z.ZodType<T>,
    method: "GET" | "POST",
    path: string,
    body?: Record<string, unknown>,
    by?: string,
  ): Promise<T> => {
    const headers: Record<string, string> = {
      "x-functions-key": key,
      ...(body && { "content-type": "application/json" }),
      ...(by !== undefined && { "x-operator": by }),
    };
    const text = body && JSON.stringify(body);
    const answer = await transport({ method, url: new URL(`${url}/control${path}`), headers, body: text, timeoutMs });
    if ("network" in answer) {
      throw new UnavailableError(`${name}: nobody answers at ${url}: ${answer.network}`, false, {
        network: answer.network,
      });
    }
    const parsed = schema.safeParse(parseJson(answer.text));
    if (answer.status === 200 && parsed.success) return parsed.data;
    throw refusalOf(`${name}, ${method} ${path}`, answer.status, parseJson(answer.text));
  };
  return {
    current: () => ask(currentSchema, "GET", "/settings/current"),
    history: (limit) => ask(historySchema, "GET", `/settings?limit=${limit}`),
    version: (version) => ask(currentSchema, "GET", `/settings/${version}`),
    worksBy: async () => {
      const { settingsVersion, dryRun } = await ask(statusSchema, "GET", "/status");
      return { version: settingsVersion, isDryRun: dryRun !== undefined };
    },
    estimate: (table) => ask(estimateSchema, "GET", `/tables/${table}/estimate`),
    check: (wanted, basedOn) => ask(resultSchema, "POST", "/settings/check", { ...wanted, basedOn }),
    publish: ({ documents, language }, { by, ...how }) =>
      ask(resultSchema, "POST", "/settings/publish", { documents, language, ...how }, by),
    rollBack: (version, { by, ...how }) => ask(resultSchema, "POST", "/settings/roll-back", { version, ...how }, by),
  };
}

/** A refusal of the app, with the problems it names. */
export class AppRefusal extends RefusedError {
  constructor(
    message: string,
    code: string,
    readonly problems: readonly SettingsProblem[],
  ) {
    super(message, code);
  }
}

function refusalOf(name: string, status: number, body: unknown): Error {
  const said = refusalSchema.safeParse(body).data?.error;
  const reason = said?.message ?? `it answers ${status}, and not what this version of the program understands`;
  if (status === 409) return new ConflictError(`${name}: ${reason}`);
  if (status === 401 || status === 403) {
    const key = `${name} does not accept the key in ${keyVariable(name)}`;
    return new AppRefusal(said ? `${key}: ${said.message}` : key, said?.code ?? String(status), []);
  }
  const problems = (said?.problems ?? []).map(({ path, problem, fix }) => ({ setting: path, problem, fix }));
  return new AppRefusal(`${name}: ${reason}`, said?.code ?? String(status), problems);
}
