// Campaign's simulator in process with somebody's e-mail events in it, and a client of ours whose calls a test sees and can tamper with.

import { makeCampaignCore } from "../../infra/local/campaign/core.js";
import type { InstanceConfiguration } from "../../infra/local/campaign/model/instance.js";
import type { SimCore } from "../../infra/local/sim/types.js";
import type { CampaignClient } from "../../shared/campaign/client.js";
import type { HttpClient } from "../../shared/http/client.js";
import { campaignClientOf, campaignHost } from "./core-campaign.js";
import { coreHttp, coreWorld } from "./core-http.js";
import { type FixedClock, fixedClock } from "./fixed-clock.js";

/** A list as it stands in an answer. */
export interface WireList {
  content: Record<string, unknown>[];
  next?: { href: string };
  serverSidePagination?: boolean;
}

/** One instance of Campaign. */
export interface CampaignEvents {
  clock: FixedClock;
  core: SimCore;
  client: CampaignClient;
  /** Operation, path and query of every call, but for those about tokens. */
  calls: string[];
  /** Sees the answer of every call that succeeds, and may change it. */
  tamper: (path: string, answer: WireList) => void;
  /** What happens inside Campaign before a call, counted from 1, is answered. */
  meanwhile: (call: number) => void;
  /** Somebody's e-mail does something; answers the id of the staged row. */
  happen(event?: Record<string, unknown>): string;
  /** Columns of a staged row change. */
  change(id: string, values?: Record<string, unknown>): void;
  /** Now, as ISO. */
  at(): string;
}

/** Makes an instance at 1 March 2026. */
export function makeCampaignEvents(
  switches: Record<string, unknown> = {},
  configuration?: InstanceConfiguration,
): CampaignEvents {
  const clock = fixedClock("2026-03-01T00:00:00Z");
  const core = makeCampaignCore(coreWorld(clock), configuration && { configuration });
  const command = (name: string, body: unknown): unknown => {
    if (!core.command) throw new Error("the simulator takes no commands");
    return core.command(name, body);
  };
  command("settings", switches);
  const inner = coreHttp({ [campaignHost]: core }, clock);
  const http: HttpClient = {
    async send(call) {
      if (call.system !== "campaign") return inner.send(call);
      world.calls.push(`${call.operation} ${call.url.pathname}${call.url.search}`);
      world.meanwhile(world.calls.length);
      const response = await inner.send(call);
      if (response.status !== 200) return response;
      const answer = JSON.parse(response.text);
      world.tamper(call.url.pathname, answer);
      return { ...response, text: JSON.stringify(answer) };
    },
  };
  const world: CampaignEvents = {
    clock,
    core,
    client: campaignClientOf(http, clock),
    calls: [],
    tamper: () => {},
    meanwhile: () => {},
    happen(event = {}) {
      const { events } = command("events", { type: "send", externalId: "c-1", ...event }) as {
        events: { eventId: string }[];
      };
      return events[0]?.eventId ?? "";
    },
    change: (id, values = { deliveryLabel: "later" }) => void command("events", { type: "change", of: id, values }),
    at: () => new Date(clock.now()).toISOString(),
  };
  return world;
}
