// Who was asked to wait, by whom and until when, and who did not: seen from the wire, beside the app.

/** A request that was started although its sender, or somebody in the same deployment, had been asked to wait. */
export interface Breach {
  at: number;
  who: string;
  host: string;
  /** Asked by whom, when, until when. */
  told: { who: string; status: number; at: number; until: number };
}

/** The log. */
export interface WaitLog {
  readonly breaches: readonly Breach[];
  sent(who: string, host: string, isToken: boolean): void;
  received(who: string, host: string, status: number, headers: Readonly<Record<string, string>>): void;
  /** A process has died: what it was told within the last second it could not tell the others. */
  died(who: string): void;
}

/** Others know within this time what one process was told. */
const sharedWithinMs = 1_000;

/** Makes an empty log. */
export function makeWaitLog(now: () => number): WaitLog {
  const breaches: Breach[] = [];
  const told: (Breach["told"] & { host: string })[] = [];
  return {
    breaches,
    sent(who, host, isToken) {
      if (isToken) return;
      const at = now();
      // Own windows count from their first moment, those of others a second later.
      const broken = told.find(
        (one) => one.host === host && at < one.until && (one.who === who ? at > one.at : at > one.at + sharedWithinMs),
      );
      if (broken) breaches.push({ at, who, host, told: broken });
    },
    received(who, host, status, headers) {
      const seconds = Number(headers["retry-after"]);
      if ((status !== 429 && status !== 503) || !Number.isFinite(seconds)) return;
      told.push({ who, host, status, at: now(), until: now() + seconds * 1000 });
    },
    died(who) {
      const kept = told.filter((one) => one.who !== who || one.at < now() - sharedWithinMs);
      told.splice(0, told.length, ...kept);
    },
  };
}
