/** What a check is about. */
export type Area = "dynamics" | "campaign" | "deployment";

/** All areas, in the order in which they are looked at. */
export const areas: readonly Area[] = ["dynamics", "campaign", "deployment"];

/** `skipped`: nothing was learned, and `seen` says why. Only `fail` keeps a deployment from working as it must. */
export type Verdict = "ok" | "skipped" | "warn" | "fail";

/** One thing that was seen; `fix` says what to do, where and how. */
export type Finding =
  | { verdict: "ok" | "skipped"; seen: string }
  | { verdict: "warn" | "fail"; seen: string; fix: string };

/** One question to a system. It only reads, unless its name is that of the canary. */
export interface Check {
  area: Area;
  /** Unique within its area; docs/doctor.md has a line for each. */
  name: string;
  /** What it asks, in words. */
  asks: string;
  /** Name of a check of the same area that must not have failed, or asking would say the same again. */
  after?: string;
  /** It asks what the app itself never does: that the signed-in user may not is no defect, and the check is skipped. */
  beyondApp?: true;
  /** At least one finding. Throws what the clients throw when the system cannot be asked. */
  run(): Promise<readonly Finding[]>;
}

/** As it should be. */
export function ok(seen: string): Finding {
  return { verdict: "ok", seen };
}

/** Could not be asked, or need not be; `why` in words. */
export function skipped(why: string): Finding {
  return { verdict: "skipped", seen: why };
}

/** Works, but should be looked at. */
export function warn(seen: string, fix: string): Finding {
  return { verdict: "warn", seen, fix };
}

/** Does not work, or loses something. */
export function fail(seen: string, fix: string): Finding {
  return { verdict: "fail", seen, fix };
}

/** The findings; with none, all is well as `seen` says. */
export function orOk(findings: readonly Finding[], seen: string): readonly Finding[] {
  return findings.length > 0 ? findings : [ok(seen)];
}
