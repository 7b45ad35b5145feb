// Every switch of the simulator with its default. Each marked (unconfirmed) stands for behaviour that facts/campaign.md could
// not settle: tests run both positions, clients must live with both.

import { z } from "zod";

export const settingsSchema = z.strictObject({
  /** Organization segment of the URL that the clients below may use. */
  organization: z.string().min(1).default("acme"),
  /** Exist, but belong to somebody else: 403023. */
  otherOrganizations: z.array(z.string()).default(["globex"]),
  /** Exist, but their route is not set up: 502 Oops. Any other organization: 500 Oops. */
  unroutedOrganizations: z.array(z.string()).default(["initech"]),
  /** A client with several entries has several secrets, all valid, as a credential in Adobe's console may have. */
  clients: z
    .array(z.strictObject({ clientId: z.string().min(1), clientSecret: z.string().min(1) }))
    .default([{ clientId: "local-client", clientSecret: "local-secret" }]),
  tokenLifetimeS: z.int().positive().default(86_399),
  /** `v8`: what a migrated instance does differently (§1, §3.3, §5). */
  version: z.enum(["standard", "v8"]).default("standard"),
  /** The Profiles & Services Ext API was created at the last publication. */
  extApiPublished: z.boolean().default(true),
  /** (unconfirmed) Status of a successful POST. */
  createStatus: z.union([z.literal(200), z.literal(201)]).default(201),
  /** (unconfirmed) Envelope of the engine's errors. */
  errorEnvelope: z.enum(["json", "text"]).default("json"),
  /** (unconfirmed) Wire names of the opt-out attributes; changes only while there are no profiles. */
  optOutNames: z.enum(["blackList", "denyList"]).default("blackList"),
  /** (unconfirmed) Whether the opt-out change times can be written. */
  optOutTimesWritable: z.boolean().default(false),
  /** (unconfirmed) A string longer than its field. */
  overlongText: z.enum(["refuse", "truncate", "accept"]).default("refuse"),
  /** (unconfirmed) An e-mail address that the `email` data policy does not like. */
  badEmail: z.enum(["refuse", "accept"]).default("refuse"),
  /** The `smartCase` data policy capitalises words. */
  smartCase: z.boolean().default(true),
  /** (unconfirmed) `null` sent for a field that is not a link. */
  nullValues: z.enum(["refuse", "clear"]).default("refuse"),
  /** (unconfirmed) DELETE with the identification key in the URI. */
  deleteByKey: z.boolean().default(true),
  /** (unconfirmed) Identification keys of custom resources in the URI. */
  customResourceKeys: z.boolean().default(true),
  /** (unconfirmed) PATCH may give a key to a record that has none. */
  keyFromEmpty: z.boolean().default(true),
  /** (unconfirmed) A filter called without one of its parameters. */
  missingParameter: z.enum(["refuse", "ignore"]).default("refuse"),
  /** (unconfirmed) Form of an instant as filter parameter: `2026-01-31 00:00:00.000Z`, `2026-01-31T00:00:00Z`, `#2026-01-31 00:00:00Z#`. */
  filterDateFormat: z.enum(["any", "space", "iso", "literal"]).default("any"),
  /** Option XtkBigTableThreshold: above it `next` needs `_forcePagination=true`. */
  bigTableThreshold: z.int().positive().default(100_000),
  /** (unconfirmed) Largest page; a larger `_lineCount` gets this many. */
  maxLineCount: z.int().positive().default(10_000),
  /** (unconfirmed) Whether `_lineStart` stands after a record, or is a number of records to skip. */
  paging: z.enum(["key", "offset"]).default("key"),
  /** (unconfirmed) `serverSidePagination` when the big-table rule withheld `next`. */
  paginationFlagAtLimit: z.boolean().default(true),
  /** Requests the gateway lets through per window, null for no limit; beyond it 429 (the figures are (unconfirmed)). */
  rateLimit: z.strictObject({ requests: z.int().positive(), windowMs: z.int().positive() }).nullable().default(null),
  /** (unconfirmed) A 429 carries Retry-After. */
  retryAfter: z.boolean().default(true),
  /** The server's daily restart (§2.4), e.g. `{ "atUtc": "06:00", "minutes": 2 }`; null for never. */
  dailyRestart: z
    .strictObject({ atUtc: z.string().regex(/^\d\d:\d\d$/), minutes: z.int().positive() })
    .nullable()
    .default(null),
  /** How many writes per record `/_sim/state/writes` remembers; 0 for none (saves memory with a million records). */
  writesPerRecord: z.int().nonnegative().default(50),
  /** Minutes of the staging workflow's schedule (§8.3); 0 stages an event as soon as it happens. */
  stagingMinutes: z.number().nonnegative().default(0),
  /** Folder of the daily opt-out file (§9), null for no export. */
  optOutFolder: z.string().nullable().default(null),
  /** Folder of the files of e-mail events (§8.3), null for none. */
  eventFolder: z.string().nullable().default(null),
  /** Minutes between two extractions of e-mail events; null: on command only. */
  eventFileMinutes: z.number().positive().nullable().default(null),
  /** Separator chosen in `Extract file`. */
  eventFileSeparator: z.enum([",", ";", "\t", "|"]).default(","),
  /** (unconfirmed) 0: a file appears whole; else it is written in place, and half of it stands there for so long. */
  fileWriteMs: z.number().nonnegative().default(0),
});

export type Settings = z.infer<typeof settingsSchema>;

/** Settings with defaults for whatever `input` does not say. Throws a readable message naming every bad entry. */
export function parseSettings(input: unknown): Settings {
  const parsed = settingsSchema.safeParse(input);
  if (!parsed.success) throw new Error(`settings refused: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
