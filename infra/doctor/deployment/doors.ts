import { type Check, type Finding, fail, ok } from "../check.js";
import type { DeploymentPorts } from "./ports.js";

/** What must be there, and closed to everybody without the key. */
const doors = [
  { path: "/ingress-webhook", method: "POST", what: "the webhook" },
  { path: "/control/status", method: "GET", what: "the control API" },
  { path: "/health", method: "GET", what: "health" },
] as const;

/** Asks without a key, and sends nothing: an open door would call the notice malformed. */
export function doorsCheck(ports: () => DeploymentPorts): Check {
  return {
    area: "deployment",
    name: "doors",
    asks: "are the webhook and the control API there, and closed to whoever has no key?",
    after: "app",
    async run() {
      const { app } = ports();
      const findings: Finding[] = [];
      for (const { path, method, what } of doors) {
        const { status } = await app.ask(method, path, { withKey: false });
        findings.push(judge(what, `${app.url}${path}`, status));
      }
      return findings;
    },
  };
}

function judge(what: string, address: string, status: number): Finding {
  if (status === 401 || status === 403) return ok(`${what}: closed without a key (${status})`);
  if (status === 404) {
    const fix =
      "The app has not registered it: problems with settings leave health alone (see app-settings), and after an upload the host needs some seconds.";
    return fail(`${what}: there is no ${address} (404)`, fix);
  }
  if (status === 503 || status === 502)
    return fail(`${what}: ${address} answers ${status}`, "The host is not up: look at the app's log stream.");
  const fix =
    "Somebody opened it: functions are deployed with authLevel function; look at the app's authentication settings and at any gateway before it.";
  return fail(`${what}: ${address} answers ${status} to whoever has no key`, fix);
}
