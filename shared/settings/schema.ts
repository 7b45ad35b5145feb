// Every application setting: type, default, what it is for. local.settings.sample.json and docs/settings.md are generated
// from this (npm run settings:sample); reading an environment is load.ts.

import { z } from "zod";
import { activityTableChangesSchema } from "../dataverse/activity-tables.js";
import { type EventType, eventTypes } from "../model/email-event.js";

/** One setting. `sample` is its value on the local runtime; `secret` keeps its value out of every message. */
export interface SettingDefinition {
  doc: string;
  schema: z.ZodType;
  /** Text as it would stand in the environment; without one the setting is required, unless `optional` says when it is not needed. */
  default?: string;
  optional?: string;
  secret?: boolean;
  sample: string;
}

const text = z.string().trim().min(1);
const secretText = z.string().min(1);
const count = (low: number, high: number) => z.coerce.number().int().min(low).max(high);

/** An absolute URL without path, query or credentials. */
const origin = z.string().transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || !/^\/?$/.test(url.pathname)) {
    context.addIssue({ code: "custom", message: "must be a URL such as https://host without a path" });
    return z.NEVER;
  }
  return url;
});

/** An absolute URL, with or without a path. */
const address = z.string().transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.search) return url;
  context.addIssue({ code: "custom", message: "must be a URL such as https://host/path" });
  return z.NEVER;
});

/** Types of events, comma separated. */
const eventTypeList = z.string().transform((value, context) => {
  const names = value.split(",").map((name) => name.trim());
  const types = names.filter((name) => name !== "");
  const unknown = types.filter((name) => !(eventTypes as readonly string[]).includes(name));
  if (unknown.length === 0) return types as EventType[];
  context.addIssue({ code: "custom", message: `has ${unknown.join(", ")}, which is none of ${eventTypes.join(", ")}` });
  return z.NEVER;
});

/** Most lanes there may be: maxConcurrentSessions in host.json (a test holds them equal). */
export const mostLanes = 16;

const json = z.string().transform((value, context): unknown => {
  try {
    return JSON.parse(value);
  } catch {
    context.addIssue({ code: "custom", message: "must be JSON" });
    return z.NEVER;
  }
});

/** Tables and columns of activities that are called otherwise, as JSON; everything that is wrong with it in one message. */
const tableChanges = json.transform((value, context) => {
  const parsed = activityTableChangesSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => [path.join("."), message].filter(Boolean).join(": "));
  context.addIssue({ code: "custom", message: `is not right: ${problems.join("; ")}` });
  return z.NEVER;
});

/** Columns of an event that may be called otherwise, as JSON: `{"contactKey":"crmId"}`. */
const eventColumns = json.pipe(
  z.strictObject(
    {
      id: text.optional(),
      type: text.optional(),
      at: text.optional(),
      contactKey: text.optional(),
      campaignName: text.optional(),
      deliveryName: text.optional(),
      url: text.optional(),
      mirrorPageUrl: text.optional(),
      failureType: z.string().trim().optional(),
    },
    {
      error:
        "must be an object with some of id, type, at, contactKey, campaignName, deliveryName, url, mirrorPageUrl, failureType",
    },
  ),
);

const limits = {
  quietMinutes: z.number().positive().max(1_440).default(15),
  oldestMinutes: z.number().positive().max(10_080).default(60),
  openFailures: z.number().int().positive().max(2_000).default(100),
  stoppedHours: z.number().positive().max(720).default(24),
  tokenDays: z.number().positive().max(90).default(5),
};

/** Names of what MONITOR_LIMITS may hold. */
export const monitorLimitNames = Object.keys(limits);

/** When the monitor raises an alarm, as JSON; what is left out is as usual. */
const monitorLimits = json.pipe(
  z.strictObject(limits, {
    error: `must be an object with some of ${monitorLimitNames.join(", ")}, all numbers above 0`,
  }),
);

/** A name in Campaign: of a resource, a filter, a column. */
const campaignName = text.regex(/^\w{1,64}$/, "must be a name of letters, digits and underscores");

/** A date or an instant, as epoch ms; a date means its beginning, UTC. */
const instant = z.string().transform((value, context) => {
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(value.trim())
    ? Date.parse(value.trim())
    : Number.NaN;
  if (!Number.isNaN(at)) return at;
  context.addIssue({ code: "custom", message: "must be a date such as 2030-01-31 or 2030-01-31T00:00:00Z" });
  return z.NEVER;
});

/** NCRONTAB. */
const schedule = text.regex(/^(\S+\s+){5}\S+$/, "must have six fields, seconds first");

/** Files in a folder; `*` stands for any part of a name. */
const filePattern = text.regex(/^(\/?[^/*]+\/)*[^/]+$/, "must be a path, with * in its last part only");

/** All settings by name. Names that end in `__…` are Azure's forms for identity-based connections. */
export const settingDefinitions = {
  RUNTIME: {
    doc: "`azure`, or `local` for the local runtime: only there may peers be reached without TLS, on loopback addresses.",
    schema: z.enum(["azure", "local"]),
    default: "azure",
    sample: "local",
  },
  DRY_RUN: {
    doc: "`on`: everything is done but the writes to Campaign and Dynamics, and the result reported (docs/from-laptop-to-production.md). `off`: writes.",
    schema: z.enum(["off", "on"], { error: "must be on or off" }),
    default: "off",
    sample: "off",
  },
  DYNAMICS_URL: {
    doc: "URL of the Dynamics environment, e.g. `https://contoso.crm4.dynamics.com`.",
    schema: origin,
    sample: "http://127.0.0.1:7081",
  },
  DYNAMICS_AUTH: {
    doc: "`managed-identity` of the Function App, or `client-secret` of an app registration.",
    schema: z.enum(["managed-identity", "client-secret"]),
    default: "managed-identity",
    sample: "client-secret",
  },
  DYNAMICS_TENANT_ID: {
    doc: "Entra tenant of the app registration.",
    schema: text,
    optional: "with DYNAMICS_AUTH=managed-identity",
    sample: "70000000-0000-4000-a000-000000000001",
  },
  DYNAMICS_CLIENT_ID: {
    doc: "Client id of the app registration, or of a user-assigned managed identity.",
    schema: text,
    optional: "with the system-assigned managed identity",
    sample: "00000000-0000-4000-a000-000000000001",
  },
  DYNAMICS_CLIENT_SECRET: {
    doc: "Client secret of the app registration.",
    schema: secretText,
    optional: "with DYNAMICS_AUTH=managed-identity",
    secret: true,
    sample: "local-integration-secret",
  },
  DYNAMICS_CLIENT_SECRET_EXPIRES: {
    doc: "When that secret ends, as CAMPAIGN_CLIENT_SECRET_EXPIRES.",
    schema: instant,
    optional: "but then nobody is warned",
    sample: "",
  },
  DYNAMICS_AUTHORITY: {
    doc: "Entra ID's host; another one in sovereign clouds.",
    schema: origin,
    default: "https://login.microsoftonline.com",
    sample: "http://127.0.0.1:7081",
  },
  CAMPAIGN_URL: {
    doc: "Host of Campaign's REST API.",
    schema: origin,
    default: "https://mc.adobe.io",
    sample: "http://127.0.0.1:7082",
  },
  CAMPAIGN_TENANT: {
    doc: "Campaign instance as it stands in API paths, e.g. `acme-mkt-stage1`.",
    schema: text.regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/, "must be one path segment of letters, digits, dots and hyphens"),
    sample: "acme",
  },
  CAMPAIGN_IMS_URL: {
    doc: "Host of Adobe's token service.",
    schema: origin,
    default: "https://ims-na1.adobelogin.com",
    sample: "http://127.0.0.1:7082",
  },
  CAMPAIGN_CLIENT_ID: {
    doc: "Client id (API key) of the OAuth server-to-server credential.",
    schema: text,
    sample: "local-client",
  },
  CAMPAIGN_CLIENT_SECRET: {
    doc: "Client secret of that credential.",
    schema: secretText,
    secret: true,
    sample: "local-secret",
  },
  CAMPAIGN_CLIENT_SECRET_EXPIRES: {
    doc: "When that secret ends, as `2030-01-31` or with a time: alarms come 30, 7 and 1 days before (docs/operate.md, Rotate).",
    schema: instant,
    optional: "but then nobody is warned",
    sample: "",
  },
  CAMPAIGN_SCOPES: {
    doc: "Scopes to ask for, comma separated.",
    schema: text,
    default:
      "openid,AdobeID,campaign_sdk,additional_info.projectedProductContext,campaign_config_server_general,deliverability_service_general",
    sample:
      "openid,AdobeID,campaign_sdk,additional_info.projectedProductContext,campaign_config_server_general,deliverability_service_general",
  },
  CAMPAIGN_CALL_SECONDS: {
    doc: "Longest time of one Campaign call with all its attempts. After a crash the record waits half as long again before it is written anew.",
    schema: count(1, 120),
    default: "60",
    sample: "4",
  },
  CAMPAIGN_RATE_CALLS: {
    doc: "Campaign calls allowed per CAMPAIGN_RATE_SECONDS, for all instances together; they are spread evenly. Without it calls are slowed down only after Campaign has said 429.",
    schema: count(1, 1_000_000),
    optional: "where the licence names no rate",
    sample: "",
  },
  CAMPAIGN_RATE_SECONDS: {
    doc: "Length of the window that CAMPAIGN_RATE_CALLS is about.",
    schema: count(1, 86_400),
    default: "1",
    sample: "1",
  },
  SERVICEBUS: {
    doc: "Connection string of Service Bus; only on the local runtime.",
    schema: secretText,
    optional: "with SERVICEBUS__fullyQualifiedNamespace",
    secret: true,
    sample: "Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=local;SharedAccessKey=local;UseDevelopmentEmulator=true;",
  },
  SERVICEBUS__fullyQualifiedNamespace: {
    doc: "Service Bus namespace, e.g. `contoso.servicebus.windows.net`, reached with the managed identity.",
    schema: text.regex(/^[a-z0-9][a-z0-9.-]*$/i, "must be a host name"),
    optional: "with SERVICEBUS",
    sample: "",
  },
  NOTICES: {
    doc: "Connection string of the Service Bus that Dynamics posts to, queue `dataverse-notices`; only on the local runtime.",
    schema: secretText,
    optional: "unless Dynamics posts to Service Bus",
    secret: true,
    sample: "Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=local;SharedAccessKey=local;UseDevelopmentEmulator=true;",
  },
  NOTICES__fullyQualifiedNamespace: {
    doc: "Namespace that Dynamics posts to, queue `dataverse-notices`, read with the managed identity. Dynamics signs in there with a key, so it is a namespace of its own.",
    schema: text.regex(/^[a-z0-9][a-z0-9.-]*$/i, "must be a host name"),
    optional: "unless Dynamics posts to Service Bus",
    sample: "",
  },
  TABLES: {
    doc: "Connection string of Table Storage; only on the local runtime.",
    schema: secretText,
    optional: "with TABLES__tableServiceUri",
    secret: true,
    sample:
      "DefaultEndpointsProtocol=http;AccountName=local;AccountKey=bG9jYWwtcnVudGltZQ==;TableEndpoint=http://127.0.0.1:10002/local;",
  },
  TABLES__tableServiceUri: {
    doc: "Table service of the storage account, e.g. `https://contoso.table.core.windows.net`, reached with the managed identity.",
    schema: origin,
    optional: "with TABLES",
    sample: "",
  },
  LANES: {
    doc: "Number of lanes: how many Campaign records are written at the same time in the whole deployment. Change it only while the queue is empty.",
    schema: count(1, mostLanes),
    default: "4",
    sample: "4",
  },
  SWEEP_SCHEDULE: {
    doc: "When change tracking is read: NCRONTAB with seconds, UTC.",
    schema: schedule,
    default: "0 * * * * *",
    sample: "*/5 * * * * *",
  },
  LOAD_PAGE_SIZE: {
    doc: "Rows per page of a full read.",
    schema: count(1, 5_000),
    default: "200",
    sample: "100",
  },
  LOAD_QUEUE_DEPTH: {
    doc: "A load waits while this many messages are on the queue, so that live changes keep their latency.",
    schema: count(1, 5_000),
    default: "100",
    sample: "200",
  },
  PARK_AFTER: {
    doc: "So many records of a table that fail in a row with the same error set its mapping aside until an operator takes it up again; `0`: never.",
    schema: count(0, 100_000),
    default: "25",
    sample: "25",
  },
  DECISIONS_RETENTION_DAYS: {
    doc: "So long it can be shown who opted in or out, and why a choice was written. Three years is how long complaints about unwanted messages can usually be brought; ask whoever answers for privacy at your company.",
    schema: count(30, 36_500),
    default: "1095",
    sample: "1095",
  },
  EVENTS_RETENTION_DAYS: {
    doc: "So long it is remembered which e-mail events were dealt with, so that what somebody deleted in Dynamics stays deleted. Longer than Campaign keeps its logs, and than any history you bring again.",
    schema: count(30, 36_500),
    default: "400",
    sample: "400",
  },
  EGRESS_TYPES: {
    doc: "Which e-mail events of Campaign become activities in Dynamics: any of `send`, `open`, `click`, `bounce`, comma separated. Without it none do. A type counts from the moment it is switched on.",
    schema: eventTypeList,
    default: "",
    optional: "while no e-mail events are wanted",
    sample: "",
  },
  EGRESS_TASKS: {
    doc: "Which of these bring a follow-up task.",
    schema: eventTypeList,
    default: "",
    optional: "while no tasks are wanted",
    sample: "",
  },
  EGRESS_SCHEDULE: {
    doc: "When e-mail events are read: NCRONTAB with seconds, UTC.",
    schema: schedule,
    default: "30 * * * * *",
    sample: "*/5 * * * * *",
  },
  EGRESS_PREFIX: {
    doc: "Publisher prefix of the activity tables that `npm run dataverse:apply` made.",
    schema: text.regex(/^[a-z][a-z0-9]{1,7}$/, "must be 2 to 8 letters and digits"),
    default: "acs",
    sample: "acs",
  },
  EGRESS_TABLES: {
    doc: 'Activity tables that somebody else made, by type of event, as JSON: `{"send":{"name":"…","columns":{"date":"…","mirrorPageUrl":""}}}` (docs/operate.md). They are used as they are, and never made or changed.',
    schema: tableChanges,
    default: "{}",
    sample: "{}",
  },
  EGRESS_CHECKS_SCHEDULE: {
    doc: "When it is looked whether e-mail events can come at all: NCRONTAB with seconds, UTC.",
    schema: schedule,
    default: "0 17 * * * *",
    sample: "*/30 * * * * *",
  },
  MONITOR_SCHEDULE: {
    doc: "When backlog, ages and calls are measured and alarms raised: NCRONTAB with seconds, UTC.",
    schema: schedule,
    default: "45 * * * * *",
    sample: "*/10 * * * * *",
  },
  MONITOR_LIMITS: {
    doc: "From when on something is an alarm (docs/operate.md), as JSON; what is left out is 15 minutes without movement, 60 minutes for the oldest message, 100 open failures, 24 hours stopped, a token of 5 days.",
    schema: monitorLimits,
    default: "{}",
    sample: "{}",
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    doc: "OpenTelemetry collector that gets the measurements too, over HTTP, e.g. `http://collector.contoso.internal:4318` (docs/telemetry.md).",
    schema: address,
    optional: "while nobody collects them",
    sample: "",
  },
  OTEL_SERVICE_NAME: {
    doc: "What this deployment is called there.",
    schema: text.max(100),
    default: "dynamics-campaign-sync",
    sample: "dynamics-campaign-sync",
  },
  FINGERPRINT_KEY: {
    doc: "Key of the fingerprints in the sync state: random, at least 16 characters. A new one makes the next load write every record once more.",
    schema: z.string().min(16),
    secret: true,
    sample: "local-fingerprint-key",
  },
  EVENTS_SOURCE: {
    doc: "Where e-mail events are read: `rest`, the resource they are staged in, or `files`, extracted to SFTP (docs/campaign-setup.md).",
    schema: z.enum(["rest", "files"]),
    default: "rest",
    sample: "rest",
  },
  EVENTS_API: {
    doc: "API that shows that resource: `customResources` where it is not linked to the profile.",
    schema: z.enum(["profileAndServicesExt", "customResources"]),
    default: "profileAndServicesExt",
    sample: "profileAndServicesExt",
  },
  EVENTS_RESOURCE: {
    doc: "Name of that resource in the API.",
    schema: campaignName,
    default: "cusEmailEvent",
    sample: "cusEmailEvent",
  },
  EVENTS_ORDER: {
    doc: "Its column that says when a row last changed.",
    schema: campaignName,
    default: "lastModified",
    sample: "lastModified",
  },
  EVENTS_FILTER: {
    doc: "ID of its filter for rows that changed since a time, called as `by<ID>`; `none`: it has none, which costs more calls.",
    schema: campaignName,
    default: "ModifiedSince",
    sample: "ModifiedSince",
  },
  EVENTS_SINCE_PARAMETER: {
    doc: "The filter's parameter, sent as `<name>_parameter`.",
    schema: campaignName,
    default: "since",
    sample: "since",
  },
  EVENTS_SINCE_FORMAT: {
    doc: "How the filter takes a time: `space` (`2026-01-31 00:00:00.000Z`), `iso` (`2026-01-31T00:00:00Z`) or `literal` (`#2026-01-31 00:00:00Z#`).",
    schema: z.enum(["space", "iso", "literal"]),
    default: "space",
    sample: "space",
  },
  EVENTS_FIELDS: {
    doc: 'Columns of an event that are not called as the guide says, as JSON: `{"contactKey":"crmId"}`. `"failureType":""`: only hard bounces are staged.',
    schema: eventColumns,
    default: "{}",
    sample: "{}",
  },
  EVENTS_WORKFLOWS: {
    doc: "IDs of the Campaign workflows that stage or extract the events, comma separated: they are watched.",
    schema: text.regex(/^[\w-]+(\s*,\s*[\w-]+)*$/, "must be IDs separated by commas"),
    optional: "but then nobody notices when they stop",
    sample: "stageEmailEvents",
  },
  EVENTS_FILES: {
    doc: "Folder and names of the extracted files on the SFTP account; `*` stands for any part of a name.",
    schema: filePattern,
    default: "d365_loads/events/*.csv",
    sample: "d365_loads/events/*.csv",
  },
  EVENTS_SETTLED_SECONDS: {
    doc: "A file is whole when it has not grown for so many seconds. Short only where files appear under their name when they are whole.",
    schema: count(1, 3_600),
    default: "120",
    sample: "120",
  },
  OPTOUT_SCHEDULE: {
    doc: "When Campaign is asked whose opt-outs changed, where a mapping has opt-outs from Campaign: NCRONTAB with seconds, UTC. While changes come it is asked more often by itself.",
    schema: schedule,
    default: "15 * * * * *",
    sample: "*/5 * * * * *",
  },
  OPTOUT_SOURCE: {
    doc: "Where changed opt-outs are found: `rest`, by a filter on the profile, or `files`, which Adobe's own workflow exports to SFTP once a day (docs/campaign-setup.md).",
    schema: z.enum(["rest", "files"]),
    default: "rest",
    sample: "rest",
  },
  OPTOUT_FILTER: {
    doc: "ID of the profile's filter for changes since a time, called as `by<ID>`; `none`: it has none, which is for small instances only.",
    schema: campaignName,
    default: "OptOutsSince",
    sample: "OptOutsSince",
  },
  OPTOUT_FILTER_ON: {
    doc: "What that filter compares: `times` of the opt-outs, or `lastModified` of the profile, which is for small instances only.",
    schema: z.enum(["times", "lastModified"]),
    default: "times",
    sample: "times",
  },
  OPTOUT_SINCE_PARAMETER: {
    doc: "The filter's parameter, sent as `<name>_parameter`; several, comma separated, where each of its rules has its own.",
    schema: text.regex(/^\w{1,64}(\s*,\s*\w{1,64})*$/, "must be names separated by commas"),
    default: "since",
    sample: "since",
  },
  OPTOUT_SINCE_FORMAT: {
    doc: "How the filter takes a time, as EVENTS_SINCE_FORMAT.",
    schema: z.enum(["space", "iso", "literal"]),
    default: "space",
    sample: "space",
  },
  OPTOUT_FILES: {
    doc: "Folder and names of the exported files on the SFTP account; `*` stands for any part of a name.",
    schema: filePattern,
    default: "d365_loads/exports/optout_*.csv",
    sample: "d365_loads/exports/optout_*.csv",
  },
  OPTOUT_FILES_KEY: {
    doc: "Their column with the profile's key.",
    schema: text,
    default: "externalId",
    sample: "externalId",
  },
  OPTOUT_SETTLED_SECONDS: {
    doc: "Such a file is whole when it has not grown for so many seconds.",
    schema: count(1, 3_600),
    default: "120",
    sample: "120",
  },
  CAMPAIGN_SFTP_HOST: {
    doc: "Host of the SFTP account that Campaign exchanges files with, `host` or `host:port`.",
    schema: text.regex(/^[A-Za-z0-9.-]+(:\d{1,5})?$/, "must be a host name, with :port if it is not 22"),
    optional: "unless files are read",
    sample: "",
  },
  CAMPAIGN_SFTP_USER: {
    doc: "User of that account.",
    schema: text,
    optional: "unless files are read",
    sample: "",
  },
  CAMPAIGN_SFTP_KEY: {
    doc: "Private key of that user as `ssh-keygen` writes it, without passphrase; line ends may be written as `\\n`.",
    schema: secretText,
    optional: "unless files are read",
    secret: true,
    sample: "",
  },
  CAMPAIGN_SFTP_KEY_EXPIRES: {
    doc: "When that key is to be changed, as CAMPAIGN_CLIENT_SECRET_EXPIRES.",
    schema: instant,
    optional: "but then nobody is warned",
    sample: "",
  },
  CAMPAIGN_SFTP_HOST_KEY: {
    doc: "Fingerprint of the host's key as `ssh-keygen -lf` prints it, `SHA256:…`: no other host is talked to.",
    schema: text.regex(/^SHA256:[A-Za-z0-9+/]{43}$/, "must read SHA256: and 43 letters"),
    optional: "unless files are read",
    sample: "",
  },
  OWN_TAG: {
    doc: "Marks our own writes in Dynamics, so that their notices are recognised.",
    schema: text.max(100),
    default: "acs-sync",
    sample: "acs-sync",
  },
} as const satisfies Record<string, SettingDefinition>;

/** Name of a setting. */
export type SettingName = keyof typeof settingDefinitions;
