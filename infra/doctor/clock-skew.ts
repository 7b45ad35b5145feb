import { type Finding, fail, ok, skipped, warn } from "./check.js";

const noticedMs = 30_000;
const harmfulMs = 5 * 60_000;

/** How far this machine's clock is from the one that wrote a `Date` header (whole seconds), `here` and `system` in words. */
export function judgeSkew(system: string, date: string | undefined, now: number): Finding {
  const there = Date.parse(date ?? "");
  if (Number.isNaN(there)) return skipped(`${system} does not say in its answers what time it is`);
  const skewMs = Math.abs(now - there);
  const seen = `this clock and that of ${system} are ${Math.round(skewMs / 1000)} s apart`;
  const fix = "Set this machine's clock by a time server (NTP), then run this again.";
  if (skewMs >= harmfulMs) return fail(seen, `${fix} Signatures and tokens are refused at five minutes.`);
  return skewMs >= noticedMs ? warn(seen, fix) : ok(seen);
}
