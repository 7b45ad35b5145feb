// What `POST /_sim/<command>` does to the simulated organisation; each command has a line in README.md.

import { z } from "zod";
import { renameColumn, retypeColumn } from "./metadata/replace-column.js";
import { isGuid, toGuid } from "./model/ids.js";
import type { Table } from "./model/table.js";
import { readPreferences } from "./odata/preferences.js";
import { LOCAL_APPS, switchesSchema } from "./options.js";
import { own } from "./own.js";
import type { Organisation, Session } from "./session.js";
import type { JournalOperation } from "./store/database.js";
import { parsePayload } from "./write/parse-payload.js";
import { createRow } from "./write/writer.js";

const seedSchema = z.strictObject({ set: z.string(), rows: z.array(z.record(z.string(), z.unknown())) });

const withdrawSchema = z.strictObject({
  user: z.string().default(LOCAL_APPS.integration.userId),
  privileges: z.array(z.string().regex(/^prv\w+(:organization)?$/)),
});
const secretsSchema = z.strictObject({
  clientId: z.string().default(LOCAL_APPS.integration.clientId),
  secrets: z.array(z.string().min(1)),
});
const worldSchema = z.strictObject({ name: z.string().default("yesterday") });
const copySchema = z.strictObject({
  organizationId: z.string().refine(isGuid, "not a GUID").default(toGuid("copied organization")),
});

const renameSchema = z.strictObject({
  table: z.string(),
  column: z.string(),
  to: z.string().regex(/^[a-z]\w{1,7}_\w+$/i, "a SchemaName with a publisher's prefix"),
});
const retypeSchema = z.strictObject({
  table: z.string(),
  column: z.string(),
  definition: z.record(z.string(), z.unknown()),
});

/** A session for what the simulator does by itself: as the people at work. */
const makeOwnSession = (org: Organisation): Session => {
  const origin = org.origin();
  return {
    org,
    request: { method: "POST", path: "/", query: new URLSearchParams(), search: "", headers: {}, body: "", origin },
    caller: { userId: LOCAL_APPS.editor.userId, initiatingUserId: LOCAL_APPS.editor.userId, userAgent: "" },
    preferences: readPreferences(undefined),
    apiUrl: `${origin}/api/data/v9.2`,
    correlationId: org.makeId(),
    requestId: org.makeId(),
    tag: undefined,
    contentIds: new Map(),
  };
};

/** Makes the commands. A body that cannot be read is an Error whose message names the field. */
export function makeCommands(org: Organisation): (name: string, body: unknown) => unknown {
  const { database, switches, world } = org;
  const snapshots = new Map<string, JournalOperation[][]>();

  const remember = (name: string, value: unknown): Promise<void> => org.change((tx) => tx.keep("setting", name, value));

  const tableOf = (name: string): Table => {
    const table = database.table(name);
    if (!table) throw new Error(`table: there is no table ${name}`);
    return table;
  };

  const seed = async (body: unknown): Promise<object> => {
    const { set, rows } = seedSchema.parse(body);
    const table = database.tableOfSet(set);
    if (!table) throw new Error(`set: there is no set ${set}`);
    const session = makeOwnSession(org);
    return org.change(async (tx) => {
      for (const row of rows) {
        await createRow(session, tx, table, parsePayload(session, table, row, "create"), { silent: true });
      }
      return { created: rows.length, version: database.version() };
    });
  };

  const commands: Record<string, (body: unknown) => unknown> = {
    seed,
    async switches(body) {
      const change = switchesSchema.partial().parse(body);
      // Defaults of the schema must not undo what was set before: only what the body names changes.
      const named = Object.fromEntries(Object.entries(change).filter(([name]) => name in (body as object)));
      Object.assign(switches, named);
      await remember("switches", { ...switches });
      return switches;
    },
    async withdraw(body) {
      const { user, privileges } = withdrawSchema.parse(body);
      await org.change((tx) => tx.keep("withdrawn", user, privileges));
      return { user, privileges };
    },
    async snapshot(body) {
      const { name } = worldSchema.parse(body);
      return org.change(() => {
        snapshots.set(name, [...database.dump()]);
        return { name, version: database.version() };
      });
    },
    async restore(body) {
      const { name } = worldSchema.parse(body);
      const entries = snapshots.get(name);
      if (!entries)
        throw new Error(`name: there is no snapshot ${name}; there are ${[...snapshots.keys()].join(", ")}`);
      return org.change(() => {
        org.replaceWith(entries);
        return { name, version: database.version() };
      });
    },
    async copy(body) {
      const { organizationId } = copySchema.parse(body);
      await org.change((tx) => {
        const table = database.table("organization");
        const row = table && database.rows(table.name).get(org.organizationId());
        if (table && row) {
          tx.remove(table, org.organizationId());
          tx.put(table, { ...row, organizationid: organizationId, versionnumber: tx.nextVersion() });
        }
        tx.keep("setting", "organizationId", organizationId);
      });
      return { organizationId };
    },
    async "rename-column"(body) {
      const { table, column, to } = renameSchema.parse(body);
      return org.change((tx) => renameColumn(makeOwnSession(org), tx, tableOf(table), column, to));
    },
    async "retype-column"(body) {
      const { table, column, definition } = retypeSchema.parse(body);
      return org.change((tx) => retypeColumn(makeOwnSession(org), tx, tableOf(table), column, definition));
    },
    async secrets(body) {
      const { clientId, secrets } = secretsSchema.parse(body);
      await org.change((tx) => tx.keep("secrets", clientId, secrets));
      return { clientId, valid: secrets.length };
    },
    async "revoke-tokens"() {
      await remember("tokensRevokedBefore", world.now() / 1000);
      return {};
    },
    async "expire-delta-tokens"() {
      await remember("deltaTokensExpiredUpTo", database.version());
      return { upTo: database.version() };
    },
  };
  return (name, body) => own(commands, name)?.(body);
}
