// A load while Campaign allows only so many requests in a window, and our settings say the same: how much of it is used, and how often
// Campaign has to say 429.

import { setTimeout as sleep } from "node:timers/promises";
import { settingDefinitions } from "../../shared/settings/schema.js";
import type { Bench, BenchOptions, Result } from "../bench.js";
import { type System, withSystem } from "./system.js";

const part = "rate-limit";
/** 20 requests a second, far below what the lanes could do: the limit is what holds the load back. */
const allowed = { requests: 120, windowMs: 6_000 };
const settings = {
  CAMPAIGN_RATE_CALLS: String(allowed.requests),
  CAMPAIGN_RATE_SECONDS: String(allowed.windowMs / 1_000),
};

/** Ten windows, a hundred in full. */
export const rateLimit: Bench = {
  name: part,
  async run(options) {
    for (const name of Object.keys(settings)) {
      if (!Object.hasOwn(settingDefinitions, name))
        options.say(`the app knows no setting ${name}: only 429 holds it back`);
    }
    const windows = options.full ? 100 : 10;
    const contacts = (windows + 6) * allowed.requests;
    return withSystem({ contacts, settings }, (system) => measure(system, windows, options));
  },
};

async function measure(system: System, windows: number, { say }: BenchOptions): Promise<Result[]> {
  await system.tell("campaign", "settings", { rateLimit: allowed });
  await system.startHost();
  await system.profilesReach(1, 60_000);
  say("warming up for two windows");
  await sleep(2 * allowed.windowMs);

  // Whole windows from wherever one is in them: what was stored by then holds as many allowances as windows.
  const before = await looked(system);
  say(`measuring ${windows} windows of ${allowed.windowMs / 1000} s`);
  await sleep(windows * allowed.windowMs);
  const after = await looked(system);
  const windowsPassed = (after.at - before.at) / allowed.windowMs;
  const calls = after.calls - before.calls;
  const throttled = after.throttled - before.throttled;
  return [
    {
      name: `${part} achieved share of the allowed rate`,
      value: calls / (windowsPassed * allowed.requests),
      unit: "ratio",
      goal: 0.95,
      better: "higher",
    },
    {
      name: `${part} answers 429 per thousand requests`,
      value: (1_000 * throttled) / (calls + throttled),
      unit: "429s",
      goal: 1,
      better: "lower",
    },
    {
      name: `${part} calls a second, of ${(1_000 * allowed.requests) / allowed.windowMs} allowed`,
      value: (1_000 * calls) / (after.at - before.at),
      unit: "calls/s",
      goal: null,
      better: "higher",
    },
    {
      name: `${part} answers 429 from the very first request on`,
      value: after.throttled,
      unit: "429s",
      goal: null,
      better: "lower",
    },
  ];
}

async function looked(system: System): Promise<{ at: number; calls: number; throttled: number }> {
  const summary = (await system.look("campaign", "state/summary")) as { throttled: number };
  const { total } = (await system.look("campaign", "state/calls")) as { total: number };
  return { at: performance.now(), calls: total, throttled: summary.throttled };
}
