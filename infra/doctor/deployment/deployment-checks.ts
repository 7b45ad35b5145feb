import type { Check } from "../check.js";
import { doorsCheck } from "./doors.js";
import { appCheck, appSettingsCheck, clockCheck, peersCheck, versionCheck } from "./health.js";
import type { DeploymentPorts } from "./ports.js";
import { alarmsCheck, backlogCheck, sweepCheck, workflowsCheck } from "./status.js";

/** Everything that is asked of a deployed app, in order. `ports` is called when a check runs. */
export function deploymentChecks(ports: () => DeploymentPorts): Check[] {
  return [
    appCheck,
    appSettingsCheck,
    versionCheck,
    clockCheck,
    doorsCheck,
    peersCheck,
    workflowsCheck,
    sweepCheck,
    backlogCheck,
    alarmsCheck,
  ].map((make) => make(ports));
}
