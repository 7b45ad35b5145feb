// An environment to typed settings, or every problem at once. Never half: the caller gets all of it or a SettingsError.

import type { z } from "zod";
import { type ActivityTableChanges, activityTables } from "../dataverse/activity-tables.js";
import { SettingsError, type SettingsProblem } from "../errors.js";
import type { MonitorLimits } from "../flows/monitor-ports.js";
import type { SecretExpiry } from "../flows/secret-expiry.js";
import type { EventType } from "../model/email-event.js";
import { copyProblem } from "./copy-problem.js";
import { type SettingDefinition, type SettingName, settingDefinitions } from "./schema.js";

/** How a system that takes secrets or identities is reached. */
export type DynamicsAuth =
  | { by: "managed-identity"; clientId: string | undefined }
  | { by: "client-secret"; authority: URL; tenantId: string; clientId: string; clientSecret: string };

/** How an Azure service is reached: on the local runtime by connection string, in Azure by identity. */
export type AzureConnection = { by: "connection-string"; value: string } | { by: "identity"; address: string };

/** The SFTP account that Campaign exchanges files with. `hostKey`: fingerprint, `SHA256:…`. */
export interface SftpSettings {
  host: string;
  port: number;
  user: string;
  key: string;
  hostKey: string;
}

/** Where e-mail events are read, and what their columns are called. */
export interface EventSettings {
  from:
    | {
        by: "rest";
        api: "profileAndServicesExt" | "customResources";
        resource: string;
        order: string;
        filter: { name: string; parameter: string; format: "space" | "iso" | "literal" } | undefined;
      }
    | { by: "files"; folder: string; names: RegExp; settledMs: number; account: SftpSettings };
  /** Only those that are not called as usual. */
  fields: Readonly<Record<string, string>>;
  /** Campaign workflows that bring the events. */
  workflows: readonly string[];
}

/** Where opt-outs that changed in Campaign are found. */
export interface OptOutSettings {
  schedule: string;
  /** Time between two runs, as far as the schedule says it in seconds; a minute where it does not. */
  everyMs: number;
  from:
    | {
        by: "rest";
        filter: { name: string; parameter: readonly string[]; format: "space" | "iso" | "literal" } | undefined;
        on: "times" | "lastModified";
      }
    | { by: "files"; folder: string; names: RegExp; settledMs: number; account: SftpSettings; key: string };
}

/** All settings, typed. */
export interface Settings {
  runtime: "azure" | "local";
  /** Is nothing to be written to Dynamics and Campaign? */
  dryRun: boolean;
  dynamics: { url: URL; auth: DynamicsAuth };
  campaign: {
    url: URL;
    tenant: string;
    ims: URL;
    clientId: string;
    clientSecret: string;
    scopes: string;
    callMs: number;
    /** Calls that the whole deployment may make in any window, where that is known. */
    rate: { calls: number; windowMs: number } | undefined;
  };
  serviceBus: AzureConnection;
  /** The bus that Dynamics posts to, where it does. */
  notices: AzureConnection | undefined;
  tables: AzureConnection;
  lanes: number;
  sweepSchedule: string;
  load: { pageSize: number; queueDepth: number };
  /** Equal errors in a row that park a mapping; 0: none do. */
  parkAfter: number;
  /** How long decisions on opt-outs are kept. */
  decisionRetentionMs: number;
  /** How long it is remembered which e-mail events were dealt with. */
  eventRetentionMs: number;
  /** E-mail events to Dynamics; without types there are none. */
  egress: {
    types: ReadonlySet<EventType>;
    tasks: ReadonlySet<EventType>;
    schedule: string;
    checksSchedule: string;
    prefix: string;
    /** Somebody else's tables, by what is called otherwise. */
    tables: ActivityTableChanges;
  };
  /** Secrets whose end is known. */
  secrets: readonly SecretExpiry[];
  /** Measuring, and when something is an alarm. */
  monitor: { schedule: string; limits: MonitorLimits; collector: URL | undefined; service: string };
  fingerprintKey: string;
  ownTag: string;
  events: EventSettings;
  optOuts: OptOutSettings;
}

/** Hosts a URL setting may lead to: a mistyped or planted host must not get our tokens. */
const allowedHosts: Partial<Record<SettingName, RegExp>> = {
  DYNAMICS_URL: /\.(dynamics\.com|microsoftdynamics\.us|appsplatform\.us|dynamics\.cn)$/,
  DYNAMICS_AUTHORITY: /^login\.(microsoftonline\.(com|us)|partner\.microsoftonline\.cn)$/,
  CAMPAIGN_URL: /(^|\.)(adobe\.io|adobe\.com)$/,
  CAMPAIGN_IMS_URL: /^ims-[a-z0-9-]+\.adobelogin\.com$/,
  TABLES__tableServiceUri: /\.table\.(core\.windows\.net|core\.usgovcloudapi\.net|core\.chinacloudapi\.cn)$/,
};

/** Reads the environment. Throws SettingsError with all problems, naming each setting, never showing a secret's value. */
export function loadSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const problems: SettingsProblem[] = [];
  const values = readAll(environment, problems);
  const runtime = values.RUNTIME ?? "azure";
  checkHosts(values, runtime, problems);
  checkTables(values, problems);
  // Answers `undefined` only after noting a problem, and then nothing of what it answered is used.
  const need = <Name extends SettingName>(name: Name, when: string): NonNullable<Values[Name]> => {
    if (values[name] === undefined && !problems.some((known) => known.setting === name)) {
      problems.push({ setting: name, problem: `is missing ${when}`, fix: `Set it: ${settingDefinitions[name].doc}` });
    }
    return values[name] as NonNullable<Values[Name]>;
  };

  const auth: DynamicsAuth =
    values.DYNAMICS_AUTH === "client-secret"
      ? {
          by: "client-secret",
          authority: need("DYNAMICS_AUTHORITY", "though DYNAMICS_AUTH is client-secret"),
          tenantId: need("DYNAMICS_TENANT_ID", "though DYNAMICS_AUTH is client-secret"),
          clientId: need("DYNAMICS_CLIENT_ID", "though DYNAMICS_AUTH is client-secret"),
          clientSecret: need("DYNAMICS_CLIENT_SECRET", "though DYNAMICS_AUTH is client-secret"),
        }
      : { by: "managed-identity", clientId: values.DYNAMICS_CLIENT_ID };
  const serviceBus = connection(values, ["SERVICEBUS", "SERVICEBUS__fullyQualifiedNamespace"], runtime, problems);
  const notices =
    values.NOTICES === undefined && values.NOTICES__fullyQualifiedNamespace === undefined
      ? undefined
      : connection(values, ["NOTICES", "NOTICES__fullyQualifiedNamespace"], runtime, problems);
  const tables = connection(values, ["TABLES", "TABLES__tableServiceUri"], runtime, problems);
  const readers = (["EVENTS_SOURCE", "OPTOUT_SOURCE"] as const).filter((name) => values[name] === "files");
  const why = `though ${readers[0]} is files`;
  const account: SftpSettings | undefined =
    readers.length > 0
      ? {
          ...hostAndPort(need("CAMPAIGN_SFTP_HOST", why)),
          user: need("CAMPAIGN_SFTP_USER", why),
          key: need("CAMPAIGN_SFTP_KEY", why)?.replaceAll("\\n", "\n"),
          hostKey: need("CAMPAIGN_SFTP_HOST_KEY", why),
        }
      : undefined;
  if (problems.length > 0) throw new SettingsError(problems);

  // No problem means that every required value is there.
  const all = values as Required<Values>;
  return {
    runtime,
    dryRun: all.DRY_RUN === "on",
    dynamics: { url: all.DYNAMICS_URL, auth },
    campaign: {
      url: all.CAMPAIGN_URL,
      tenant: all.CAMPAIGN_TENANT,
      ims: all.CAMPAIGN_IMS_URL,
      clientId: all.CAMPAIGN_CLIENT_ID,
      clientSecret: all.CAMPAIGN_CLIENT_SECRET,
      scopes: all.CAMPAIGN_SCOPES,
      callMs: all.CAMPAIGN_CALL_SECONDS * 1000,
      rate:
        values.CAMPAIGN_RATE_CALLS === undefined
          ? undefined
          : { calls: values.CAMPAIGN_RATE_CALLS, windowMs: all.CAMPAIGN_RATE_SECONDS * 1000 },
    },
    serviceBus: serviceBus as AzureConnection,
    notices,
    tables: tables as AzureConnection,
    lanes: all.LANES,
    sweepSchedule: all.SWEEP_SCHEDULE,
    load: { pageSize: all.LOAD_PAGE_SIZE, queueDepth: all.LOAD_QUEUE_DEPTH },
    parkAfter: all.PARK_AFTER,
    eventRetentionMs: all.EVENTS_RETENTION_DAYS * 24 * 3_600_000,
    decisionRetentionMs: all.DECISIONS_RETENTION_DAYS * 24 * 3_600_000,
    egress: {
      types: new Set(all.EGRESS_TYPES ?? []),
      tasks: new Set(all.EGRESS_TASKS ?? []),
      schedule: all.EGRESS_SCHEDULE,
      checksSchedule: all.EGRESS_CHECKS_SCHEDULE,
      prefix: all.EGRESS_PREFIX,
      tables: all.EGRESS_TABLES,
    },
    monitor: {
      schedule: all.MONITOR_SCHEDULE,
      limits: all.MONITOR_LIMITS,
      collector: values.OTEL_EXPORTER_OTLP_ENDPOINT,
      service: all.OTEL_SERVICE_NAME,
    },
    secrets: secretExpiries(values),
    fingerprintKey: all.FINGERPRINT_KEY,
    ownTag: all.OWN_TAG,
    events: eventSettings(all, account),
    optOuts: optOutSettings(all, account),
  };
}

const expiring = ["CAMPAIGN_CLIENT_SECRET", "DYNAMICS_CLIENT_SECRET", "CAMPAIGN_SFTP_KEY"] as const;

/** A date without its secret says nothing: it stayed behind when the secret went. */
function secretExpiries(values: Values): SecretExpiry[] {
  return expiring.flatMap((setting) => {
    const at = values[`${setting}_EXPIRES`];
    return at === undefined || values[setting] === undefined ? [] : [{ setting, at }];
  });
}

function hostAndPort(address = ""): { host: string; port: number } {
  const [host = "", port = "22"] = address.split(":");
  return { host, port: Number(port) };
}

/** A folder and what its files are called; `*` stands for any part of a name. */
function filesAt(path: string): { folder: string; names: RegExp } {
  const slash = path.lastIndexOf("/");
  const parts = path.slice(slash + 1).split("*");
  const pattern = parts.map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")).join("[^/]*");
  return { folder: path.slice(0, slash) || ".", names: new RegExp(`^${pattern}$`) };
}

function everyMs(schedule: string): number {
  const [, step] = /^\*(?:\/(\d+))?(?:\s+\*){5}$/.exec(schedule) ?? [undefined, "60"];
  return Number(step ?? 1) * 1000;
}

function optOutSettings(all: Required<Values>, account: SftpSettings | undefined): OptOutSettings {
  const settledMs = all.OPTOUT_SETTLED_SECONDS * 1000;
  const filter = {
    name: all.OPTOUT_FILTER,
    parameter: all.OPTOUT_SINCE_PARAMETER.split(/\s*,\s*/),
    format: all.OPTOUT_SINCE_FORMAT,
  };
  return {
    schedule: all.OPTOUT_SCHEDULE,
    everyMs: everyMs(all.OPTOUT_SCHEDULE),
    from:
      account && all.OPTOUT_SOURCE === "files"
        ? { by: "files", ...filesAt(all.OPTOUT_FILES), settledMs, account, key: all.OPTOUT_FILES_KEY }
        : { by: "rest", filter: filter.name === "none" ? undefined : filter, on: all.OPTOUT_FILTER_ON },
  };
}

function eventSettings(all: Required<Values>, account: SftpSettings | undefined): EventSettings {
  return {
    from:
      account && all.EVENTS_SOURCE === "files"
        ? {
            by: "files",
            ...filesAt(all.EVENTS_FILES),
            settledMs: all.EVENTS_SETTLED_SECONDS * 1000,
            account,
          }
        : {
            by: "rest",
            api: all.EVENTS_API,
            resource: all.EVENTS_RESOURCE,
            order: all.EVENTS_ORDER,
            filter:
              all.EVENTS_FILTER === "none"
                ? undefined
                : { name: all.EVENTS_FILTER, parameter: all.EVENTS_SINCE_PARAMETER, format: all.EVENTS_SINCE_FORMAT },
          },
    fields: Object.fromEntries(
      Object.entries(all.EVENTS_FIELDS).flatMap(([field, column]) => (column === undefined ? [] : [[field, column]])),
    ),
    workflows: (all.EVENTS_WORKFLOWS ?? "").split(/\s*,\s*/).filter((id) => id !== ""),
  };
}

type Values = { [Name in SettingName]?: z.output<(typeof settingDefinitions)[Name]["schema"]> };

function readAll(environment: Readonly<Record<string, string | undefined>>, problems: SettingsProblem[]): Values {
  const values: Record<string, unknown> = {};
  for (const [setting, definition] of Object.entries<SettingDefinition>(settingDefinitions)) {
    const given = environment[setting];
    const raw = given === undefined || given.trim() === "" ? definition.default : given;
    if (raw === undefined) {
      if (definition.optional === undefined) {
        const problem = given === undefined ? "is missing" : "is empty";
        problems.push({ setting, problem, fix: `Set it: ${definition.doc}` });
      }
      continue;
    }
    const wrong = given === undefined ? undefined : copyProblem(setting, definition, raw);
    const parsed = definition.schema.safeParse(raw);
    if (wrong) problems.push({ setting, ...wrong });
    else if (parsed.success) values[setting] = parsed.data;
    else
      problems.push({
        setting,
        problem: parsed.error.issues[0]?.message ?? "is wrong",
        fix: `Set it: ${definition.doc}`,
      });
  }
  return values as Values;
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function checkHosts(values: Values, runtime: "azure" | "local", problems: SettingsProblem[]): void {
  for (const [setting, pattern] of Object.entries(allowedHosts)) {
    const url = values[setting as SettingName];
    if (!(url instanceof URL)) continue;
    if (runtime === "local" && loopback.test(url.hostname)) continue;
    const fix = `Set it: ${settingDefinitions[setting as SettingName].doc}`;
    if (url.protocol !== "https:") problems.push({ setting, problem: "must begin with https://", fix });
    else if (!pattern.test(url.hostname))
      problems.push({ setting, problem: `leads to an unknown host, ${url.hostname}`, fix });
  }
}

/** An activity says by its table what happened. */
function checkTables({ EGRESS_PREFIX, EGRESS_TABLES }: Values, problems: SettingsProblem[]): void {
  const names = Object.values(activityTables(EGRESS_PREFIX, EGRESS_TABLES)).map(({ name }) => name);
  const [twice] = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  const fix = "Name a table of its own for each type.";
  problems.push({ setting: "EGRESS_TABLES", problem: `has two types of events in table ${twice}`, fix });
}

type ConnectionNames =
  | readonly ["SERVICEBUS", "SERVICEBUS__fullyQualifiedNamespace"]
  | readonly ["NOTICES", "NOTICES__fullyQualifiedNamespace"]
  | readonly ["TABLES", "TABLES__tableServiceUri"];

function connection(
  values: Values,
  [text, identity]: ConnectionNames,
  runtime: "azure" | "local",
  problems: SettingsProblem[],
): AzureConnection | undefined {
  const [value, address] = [values[text], values[identity]];
  const known = problems.some(({ setting }) => setting === text || setting === identity);
  if (value !== undefined && address !== undefined) {
    problems.push({ setting: text, problem: `and ${identity} are both set`, fix: "Keep one of them." });
  } else if (value !== undefined && runtime === "azure") {
    problems.push({
      setting: text,
      problem: "is a connection string, which is for the local runtime only",
      fix: `Set ${identity} instead.`,
    });
  } else if (value !== undefined) {
    return { by: "connection-string", value };
  } else if (address !== undefined) {
    return { by: "identity", address: address instanceof URL ? address.origin : address };
  } else if (!known) {
    problems.push({ setting: identity, problem: "is missing", fix: `Set it: ${settingDefinitions[identity].doc}` });
  }
  return undefined;
}
