// How long change tracking remembers, against how often it is read (facts/dataverse.md §4). An expired token costs a full read of the table, never a change.

import { z } from "zod";
import { parseNcrontab } from "../../local/host/timer/ncrontab.js";
import { type Check, fail, ok, warn } from "../check.js";
import type { DynamicsPorts } from "./ports.js";

/** Days that a delta token lives where nobody changed it. */
export const documentedDays = 7;
const dayMs = 24 * 3_600_000;
/** A long week-end. */
const fewestDays = 4;
/** As many runs are looked at one by one: of any schedule that runs a few times a day, that is weeks. */
const runsLookedAt = 2_000;
/** Of one that runs every few seconds, but not at night, the pauses are looked for at every tenth minute of five weeks. */
const sampleMs = 10 * 60_000;
const lookedAtMs = 35 * dayMs;

const organizationSchema = z.object({
  value: z.array(z.object({ expirechangetrackingindays: z.number().nullish() })).min(1),
});

/** Days that a delta token lives; 7 as documented, where the environment does not say. */
export async function tokenLifeDays({ client }: Pick<DynamicsPorts, "client">): Promise<number> {
  const path = "organizations?$select=expirechangetrackingindays";
  const answer = organizationSchema.parse(await client.json({ operation: "read the organisation", path }));
  return answer.value[0]?.expirechangetrackingindays ?? documentedDays;
}

/**
 * The longest pause between two runs of a schedule in the weeks after `from`; of one that runs more often than some times a day perhaps ten minutes less.
 * Throws RangeError where the schedule cannot be read.
 */
export function longestPauseMs(schedule: string, from: Date): number {
  const runs = parseNcrontab(schedule);
  const start = runs.next(from).getTime();
  const until = start + lookedAtMs;
  const after = (time: number): number => runs.next(new Date(time)).getTime();
  let longest = 0;
  for (let [run, at] = [0, start]; run < runsLookedAt && at < until; run += 1) {
    const next = after(at);
    longest = Math.max(longest, next - at);
    at = next;
  }
  for (let at = start; at < until; at += sampleMs) longest = Math.max(longest, after(at) - at);
  return longest;
}

/** Life of tokens against SWEEP_SCHEDULE, and against a flow that somebody stops over a week-end. */
export function tokenLifeCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "token-life",
    asks: "does change tracking remember for longer than the sweep pauses, or somebody stops ingress?",
    after: "sign-in",
    beyondApp: true,
    async run() {
      const { settings, now } = ports();
      const days = await tokenLifeDays(ports());
      const pauseMs = longestPauseMs(settings.sweepSchedule, new Date(now()));
      const how = "an administrator raises it: PATCH organizations(<id>) with expirechangetrackingindays";
      if (pauseMs >= days * dayMs) {
        const seen = `tokens end after ${days} days, and SWEEP_SCHEDULE pauses for ${round(pauseMs)} days: every run would read whole tables`;
        return [fail(seen, `Set SWEEP_SCHEDULE to run more often, or ${how}.`)];
      }
      if (days < fewestDays || pauseMs * 2 > days * dayMs) {
        const seen = `tokens end after ${days} days; ingress may not stand still for longer, or whole tables are read again`;
        return [warn(seen, `${how.charAt(0).toUpperCase()}${how.slice(1)}.`)];
      }
      return [ok(`tokens live ${days} days; the sweep pauses for ${Math.ceil(pauseMs / 1000)} s at most`)];
    },
  };
}

function round(ms: number): number {
  return Math.round((ms / dayMs) * 10) / 10;
}
