// Every alarm by its code: how bad it is, what it means and what to do. The one place for codes: infra/modules/alerts.bicep and docs/operate.md are held
// against it. When one is raised is judge.ts.

import type { Named } from "./standing.js";

/** `error`: something does not happen that should. `warn`: it works, and somebody should look. */
export interface AlarmKind {
  level: "error" | "warn";
  fix: string;
}

/** All alarms by code. */
export const alarmKinds = {
  "queue-stalled": {
    level: "error",
    fix: "The trigger stands still: restart the app. Nothing is lost, the messages wait.",
  },
  "lane-stalled": {
    level: "error",
    fix: "One lane is stuck while others work: see the log of ingress-write for this lane; restarting the app frees it.",
  },
  "no-success": {
    level: "error",
    fix: "See the log of its function for the reason; without a line there, its timer does not fire: restart the app.",
  },
  "checkpoint-old": {
    level: "error",
    fix: "Other tables are read, this one is not: see `table set aside` and `sweep failed` in the log of ingress-sweep.",
  },
  "oldest-message": {
    level: "warn",
    fix: "More comes than is written: see the rate and the gates in the status, and raise LANES or the rate if Campaign allows.",
  },
  "many-failures": {
    level: "warn",
    fix: "List the failures by code, mend what they have in common, redrive them.",
  },
  "gate-closed": {
    level: "error",
    fix: "The system is away or refuses our credentials: the reason says which. Nothing is lost, the flows go on when it is back.",
  },
  "stopped-long": {
    level: "warn",
    fix: "Somebody stopped it and may have forgotten: start it again, or leave it if it is meant so.",
  },
  "parked-long": {
    level: "warn",
    fix: "Mend what its reason says and take the table up again.",
  },
  "token-ages": {
    level: "error",
    fix: "Start the flow or take the table up before Dynamics forgets its changes; afterwards a full read makes up for it.",
  },
  "not-measured": {
    level: "error",
    fix: "The queue cannot be looked at: see the reason, and whether the app may listen on it.",
  },
  "secret-within-day": {
    level: "error",
    fix: "Rotate it now (docs/operate.md, Rotate), and set its new date.",
  },
  "secret-within-week": {
    level: "error",
    fix: "Rotate it this week (docs/operate.md, Rotate), and set its new date.",
  },
  "secret-within-month": {
    level: "warn",
    fix: "Plan to rotate it (docs/operate.md, Rotate), and set its new date then.",
  },
} as const satisfies Record<string, AlarmKind>;

/** Code of an alarm; it stays as it is. */
export type AlarmCode = keyof typeof alarmKinds;

/** One alarm. `about`: which queue, lane, workflow, table or system; message: what is the case, in words that are safe to log. */
export interface Alarm extends Named {
  code: AlarmCode;
  message: string;
}
