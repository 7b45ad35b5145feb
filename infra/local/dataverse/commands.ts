// What `POST /_sim/<command>` does to the simulated organisation; each command has a line in README.md.
import { z } from "zod";
import { readPreferences } from "./odata/preferences.js";
import { LOCAL_APPS, switchesSchema } from "./options.js";
import type { Organisation, Session } from "./session.js";
import { parsePayload } from "./write/parse-payload.js";
import { createRow } from "./write/writer.js";

const seedSchema = z.strictObject({ set: z.string(), rows: z.array(z.record(z.string(), z.unknown())) });

/** A session for what the simulator does by itself. */
const makeOwnSession = (org: Organisation): Session => {
  const origin = "http://127.0.0.1";
  return {
    org,
    request: { method: "POST", path: "/", query: new URLSearchParams(), search: "", headers: {}, body: "", origin },
    caller: { userId: LOCAL_APPS.editor.userId, initiatingUserId: LOCAL_APPS.editor.userId, userAgent: "" },
    preferences: readPreferences(undefined),
    apiUrl: `${origin}/api/data/v9.2`,
    correlationId: "",
    requestId: "",
    tag: undefined,
    contentIds: new Map(),
  };
};

/** What commands work on. */
export interface CommandParts {
  org: Organisation;
  exclusively<T>(run: () => T | Promise<T>): Promise<T>;
}

/** Makes the commands. A body that cannot be read is an Error whose message names the field. */
export function makeCommands({ org, exclusively }: CommandParts): (name: string, body: unknown) => unknown {
  const { database, switches, world } = org;

  const remember = (name: string, value: unknown): Promise<void> =>
    exclusively(() => {
      const tx = database.begin();
      tx.keep("setting", name, value);
      tx.commit();
    });

  const seed = (body: unknown): Promise<object> => {
    const { set, rows } = seedSchema.parse(body);
    const table = database.tableOfSet(set);
    if (!table) throw new Error(`set: there is no set ${set}`);
    const session = makeOwnSession(org);
    return exclusively(async () => {
      const tx = database.begin();
      try {
        for (const row of rows)
          await createRow(session, tx, table, parsePayload(session, table, row, "create"), { silent: true });
        tx.commit();
      } catch (error) {
        tx.rollback();
        throw error;
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
    async "revoke-tokens"() {
      await remember("tokensRevokedBefore", world.now() / 1000);
      return {};
    },
    async "expire-delta-tokens"() {
      await remember("deltaTokensExpiredUpTo", database.version());
      return { upTo: database.version() };
    },
  };
  return (name, body) => commands[name]?.(body);
}
