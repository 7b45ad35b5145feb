// When secrets end, and how soon that is worth an alarm. Pure. Where the dates come from: settings …_EXPIRES; the vault itself speaks at 30 days and at the
// end only.

import type { Alarm, AlarmCode } from "./alarms.js";

/** A secret by the setting that holds it, and when (epoch ms) it ends. */
export interface SecretExpiry {
  setting: string;
  at: number;
}

const dayMs = 24 * 3_600_000;

/** The nearest first: each is an alert of its own, so that somebody is told three times. */
const steps: readonly { withinDays: number; code: AlarmCode }[] = [
  { withinDays: 1, code: "secret-within-day" },
  { withinDays: 7, code: "secret-within-week" },
  { withinDays: 30, code: "secret-within-month" },
];

/** An alarm for every secret that ends within 30, 7 or 1 days, or has ended; one each, of the nearest step. */
export function secretAlarms(expiries: readonly SecretExpiry[], now: number): Alarm[] {
  return expiries.flatMap(({ setting, at }) => {
    const step = steps.find(({ withinDays }) => at - now <= withinDays * dayMs);
    return step === undefined ? [] : [{ code: step.code, about: setting, message: messageOf(setting, at, now) }];
  });
}

function messageOf(setting: string, at: number, now: number): string {
  const date = new Date(at).toISOString().slice(0, 10);
  if (at <= now) return `the secret of ${setting} ended on ${date}`;
  const days = Math.floor((at - now) / dayMs);
  return `the secret of ${setting} ends in ${days === 0 ? "less than a day" : `${days} ${days === 1 ? "day" : "days"}`}, on ${date}`;
}
