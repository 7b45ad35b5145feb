import type { Check } from "../check.js";
import { activitiesCheck } from "./activities.js";
import { auditCheck } from "./audit.js";
import { jobsCheck } from "./jobs.js";
import type { DynamicsPorts } from "./ports.js";
import { doubledCheck, registrationCheck, stepsCheck } from "./registration.js";
import { clockCheck, signInCheck } from "./sign-in.js";
import { tablesCheck, trackingCheck } from "./tables.js";
import { tokenLifeCheck } from "./token-life.js";
import { administratorCheck, privilegesCheck } from "./user.js";

/** Everything that is asked of Dynamics, in order. `ports` is called when a check runs. */
export function dynamicsChecks(ports: () => DynamicsPorts): Check[] {
  return [
    signInCheck,
    clockCheck,
    privilegesCheck,
    administratorCheck,
    tablesCheck,
    trackingCheck,
    registrationCheck,
    doubledCheck,
    stepsCheck,
    jobsCheck,
    tokenLifeCheck,
    auditCheck,
    activitiesCheck,
  ].map((make) => make(ports));
}
