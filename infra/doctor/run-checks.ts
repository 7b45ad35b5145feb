// Asks every check, one after the other, whatever the others said. What is asked is in dynamics/, campaign/ and deployment/; how it is shown, report.ts.

import { SyncError, safeMessage, TableError } from "../../shared/errors.js";
import { type Area, type Check, type Finding, fail, skipped, type Verdict } from "./check.js";

/** A check that was asked, with the worst of what it found. */
export interface Checked {
  area: Area;
  name: string;
  asks: string;
  verdict: Verdict;
  findings: readonly Finding[];
}

/** Told of each check right before it is asked. */
export type OnCheck = (check: Check, number: number, of: number) => void;

/** Never throws: a check that does is a failed check. One whose `after` failed, or could not be asked itself, is skipped. */
export async function runChecks(checks: readonly Check[], onCheck: OnCheck = () => {}): Promise<Checked[]> {
  const done: Checked[] = [];
  for (const [index, check] of checks.entries()) {
    onCheck(check, index + 1, checks.length);
    const before = done.find(({ area, name }) => area === check.area && name === check.after);
    const isOpen = before === undefined || before.verdict === "ok" || before.verdict === "warn";
    const findings = isOpen ? await ask(check) : [skipped(`not asked: ${before.name} comes first`)];
    const { area, name, asks } = check;
    done.push({ area, name, asks, verdict: worstOf(findings), findings });
  }
  return done;
}

const fromBest: readonly Verdict[] = ["ok", "skipped", "warn", "fail"];

function worstOf(findings: readonly Finding[]): Verdict {
  return fromBest[Math.max(0, ...findings.map(({ verdict }) => fromBest.indexOf(verdict)))] ?? "ok";
}

async function ask(check: Check): Promise<readonly Finding[]> {
  try {
    return await check.run();
  } catch (error) {
    // A peer that says that it does not have this (501) says nothing about the rest.
    if (error instanceof SyncError && error.context.status === 501) {
      return [skipped(`cannot be asked here: ${safeMessage(error)}`)];
    }
    if (check.beyondApp && error instanceof TableError && error.context.status === 403) {
      return [
        skipped(`whoever is signed in may not ask this; sign in as an administrator to see it: ${error.message}`),
      ];
    }
    const seen = error instanceof SyncError || !(error instanceof Error) ? safeMessage(error) : error.message;
    return [fail(seen, fixOf(error))];
  }
}

/** What to do about a system that could not be asked; most errors say it themselves. */
function fixOf(error: unknown): string {
  const kind = error instanceof SyncError ? error.kind : "bug";
  switch (kind) {
    case "auth":
      return "Put right the sign-in that the message names, then run this again.";
    case "throttled":
      return "The system asks for a pause: run this again in some minutes.";
    case "unavailable":
      return "See that the address is right and can be reached from here (DNS, proxy, firewall), then run this again.";
    case "table":
      return "Give the user what the message says is missing, or correct the name, then run this again.";
    case "settings":
      return "Set what the message names, in the environment or in local.settings.json.";
    default:
      return "Look the message up in the documentation of the system that said it, then run this again.";
  }
}
