// Every switch of the Dataverse simulator: what the facts leave open, and sizes and limits a test wants smaller.
import { z } from "zod";
import { WELL_KNOWN } from "./model/ids.js";

const span = z.tuple([z.number().min(0), z.number().min(0)]);

/** Switches that can be changed while it runs (`POST /_sim/switches`); each has a line in README.md. */
export const switchesSchema = z.strictObject({
  deltaTokenAt: z.enum(["first", "last"]).default("last"),
  selectNarrowsChanges: z.boolean().default(false),
  pageOrder: z.enum(["id", "version"]).default("id"),
  annotationsHideDeltaLink: z.boolean().default(false),
  changeTrackingExpiryDays: z.number().min(0).optional(),
  expiredStatus: z.int().min(400).max(499).default(400),
  maxPageSize: z.int().min(1).default(5000),
  countCap: z.int().min(1).default(5000),
  schemaChangeExpiresTokens: z.boolean().default(false),
  countSegmentCapped: z.boolean().default(true),
  compositeInUpdateTarget: z.boolean().default(false),
  totalRecordCountAgeMs: z.number().min(0).default(0),
  tokenLifetimeSeconds: z.int().min(1).default(3599),
  webhookTimeoutMs: z.number().min(1).default(60_000),
  webhookRetryAfterMs: z.number().min(0).default(500),
  webhookDelayMs: span.default([0, 0]),
  webhookParallel: z.int().min(1).default(20),
  webhookPorts: z.enum(["any", "80 and 443"]).default("any"),
  webhookMaxBytes: z
    .int()
    .min(1)
    .default(256 * 1024),
  webhookTruncation: z.enum(["absent", "null"]).default("absent"),
  busMaxBytes: z
    .int()
    .min(1)
    .default(192 * 1024),
  busMessageIds: z.enum(["none", "operation"]).default("none"),
  busRetryAfterMs: z.array(z.number().min(0)).default([5_000, 30_000, 120_000, 600_000, 1_800_000]),
  duplicateInUpsertMultiple: z.enum(["fail", "last wins"]).default("fail"),
  referenceRaises: z.enum(["associate", "update", "both"]).default("both"),
  associateEntityName: z.enum(["none", "target"]).default("none"),
  removedColumnInImage: z.enum(["left out", "fails"]).default("left out"),
  deletePrimaryNameImage: z.enum(["none", "pre"]).default("none"),
  bypassSkipsWebhooks: z.boolean().default(true),
  activityPrivileges: z.enum(["shared", "own"]).default("shared"),
  metadataPrivileges: z.enum(["none", "needed"]).default("needed"),
  lookupNames: z.enum(["always", "readable"]).default("always"),
  auditPartitions: z.boolean().default(true),
  addPrivilegesDeepens: z.boolean().default(false),
  newRoleGets: z.enum(["defaults", "nothing"]).default("defaults"),
  audit: z.enum(["off", "on"]).default("off"),
  auditRecordInDetails: z.boolean().default(true),
  keyIndexDelayMs: z.number().min(0).default(0),
  limits: z.enum(["off", "on"]).default("off"),
  limitRequests: z.int().min(1).default(6000),
  limitExecutionMs: z.number().min(1).default(1_200_000),
  limitConcurrent: z.int().min(1).default(52),
  limitWindowSeconds: z.number().min(1).default(300),
  dopHint: z.int().min(1).default(10),
  operationMs: z.number().min(0).default(0),
});
export type Switches = z.infer<typeof switchesSchema>;

/** An application registered with the identity provider. Without `userId` it has no application user in this organisation. */
export interface App {
  clientId: string;
  clientSecret: string;
  userId: string | undefined;
}

/** What is fixed when the simulator starts. */
export interface DataverseOptions {
  organizationId: string;
  organizationName: string;
  tenantId: string;
  apps: App[];
  switches: z.input<typeof switchesSchema>;
}

/** Client ids and secrets of the two applications every simulated organisation knows: the integration, and people at work. */
export const LOCAL_APPS = {
  integration: {
    clientId: "00000000-0000-4000-a000-000000000001",
    clientSecret: "local-integration-secret",
    userId: WELL_KNOWN.integrationUser,
  },
  editor: {
    clientId: "00000000-0000-4000-a000-000000000002",
    clientSecret: "local-editor-secret",
    userId: WELL_KNOWN.editorUser,
  },
  /** Known to the identity provider, unknown to the organisation: its calls get 403. */
  stranger: {
    clientId: "00000000-0000-4000-a000-000000000003",
    clientSecret: "local-stranger-secret",
    userId: undefined,
  },
} as const satisfies Record<string, App>;

export const DEFAULT_OPTIONS: DataverseOptions = {
  organizationId: WELL_KNOWN.organization,
  organizationName: `unq${WELL_KNOWN.organization.replaceAll("-", "").slice(0, 29)}`,
  tenantId: WELL_KNOWN.tenant,
  apps: Object.values(LOCAL_APPS),
  switches: {},
};
