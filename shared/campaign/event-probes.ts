// What the checks of the events' way ask Campaign: states of workflows, and when somebody last got an e-mail (facts/campaign.md §8.2, §10). The
// verdict is event-checks.ts.

import { z } from "zod";
import { MalformedError, MissingError, TableError } from "../errors.js";
import { parseJson } from "../http/json.js";
import { parseSameOriginLink } from "../http/link.js";
import type { Clock } from "../model/clock.js";
import type { CampaignClient } from "./client.js";
import type { WorkflowSeen } from "./event-checks.js";
import { toInstant } from "./event-row.js";

/** The probes. They throw what the client throws when Campaign cannot be asked. */
export interface EventProbes {
  /** One call a workflow. */
  workflows(ids: readonly string[]): Promise<readonly WorkflowSeen[]>;
  /**
   * When the latest e-mail went to some of the profiles that were changed last, at most `profiles`; two calls each. Undefined: to none of them, or
   * the instance has no marketing history. Campaign offers no way to ask for its deliveries, so that this may miss what went to others.
   */
  lastSend(profiles: number): Promise<string | undefined>;
}

const workflowSchema = z.looseObject({ state: z.string().optional() });
const profilesSchema = z.object({ content: z.array(z.looseObject({ PKey: z.string() })) });
const historySchema = z.looseObject({ events: z.looseObject({ href: z.string() }).optional() });
const eventsSchema = z.object({
  content: z.array(z.looseObject({ date: z.string().optional(), metadata: z.string().optional() })),
});

/** Makes the probes of one instance; each call ends within `callMs`. */
export function makeEventProbes(client: CampaignClient, clock: Clock, callMs: number): EventProbes {
  const get = async <T>(operation: string, schema: z.ZodType<T>, path: string | URL): Promise<T> => {
    const response = await client.call({ operation, method: "GET", path, deadline: clock.now() + callMs });
    const parsed = schema.safeParse(parseJson(response.text));
    if (parsed.success) return parsed.data;
    throw new MalformedError(`Campaign's answer to ${operation} is not what it should be`);
  };
  const sendsOf = async (key: string): Promise<string[]> => {
    const operation = "read history";
    const { events } = await get(operation, historySchema, `profileAndServices/history/${encodeURIComponent(key)}`);
    if (!events) return [];
    // Campaign shows the latest first (unconfirmed); of a page the latest counts, whatever the order.
    const { content } = await get(operation, eventsSchema, parseSameOriginLink(events.href, client.root));
    return content.flatMap(({ date = "", metadata }) =>
      metadata === "broadLog" ? (toInstant(date, false) ?? []) : [],
    );
  };

  return {
    async workflows(ids) {
      const seen: WorkflowSeen[] = [];
      for (const id of ids) {
        const path = `workflow/execution/${encodeURIComponent(id)}`;
        const found = await get("read workflow", workflowSchema, path).catch(onlyIfUnknown);
        seen.push(found ? { id, state: found.state ?? "" } : { id, missing: true });
      }
      return seen;
    },

    async lastSend(profiles) {
      const path = `profileAndServices/profile?_order=${encodeURIComponent("lastModified desc")}&_lineCount=${profiles}`;
      const { content } = await get("list profile", profilesSchema, path);
      const sends: string[] = [];
      for (const { PKey } of content.slice(0, profiles)) {
        // Gone since, or an instance without marketing history (v8).
        sends.push(...((await sendsOf(PKey).catch(onlyIfUnknown)) ?? []));
      }
      return sends.sort().at(-1);
    },
  };
}

function onlyIfUnknown(error: unknown): undefined {
  if (!(error instanceof MissingError || error instanceof TableError)) throw error;
}
