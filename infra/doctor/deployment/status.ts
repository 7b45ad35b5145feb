// How the deployed app is doing: GET /control/status (docs/control-api.json).

import { z } from "zod";
import { MalformedError } from "../../../shared/errors.js";
import { type Check, type Finding, fail, ok, orOk, skipped, warn } from "../check.js";
import type { DeploymentPorts } from "./ports.js";

const dayMs = 24 * 3_600_000;
/** A sweep a minute; so long without one is B27, a trigger that stands still. */
const quietMs = 15 * 60_000;

const statusSchema = z.looseObject({
  at: z.string(),
  workflows: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      reasons: z.array(z.string()),
      wanted: z.string(),
      since: z.string().optional(),
      by: z.string().optional(),
    }),
  ),
  settingsVersion: z.number(),
  lastSweepAt: z.string().optional(),
  backlog: z.object({ waiting: z.number(), orMore: z.boolean() }),
  tables: z.array(
    z.looseObject({
      table: z.string(),
      state: z.string(),
      parked: z.looseObject({ reason: z.string() }).optional(),
      changes: z.looseObject({ lookedAt: z.string().optional() }).optional(),
    }),
  ),
  failures: z.object({ open: z.number(), orMore: z.boolean() }),
  dryRun: z.looseObject({ startedAt: z.string() }).optional(),
  monitor: z
    .looseObject({
      lookedAt: z.string().optional(),
      alarms: z.array(
        z.looseObject({ code: z.string(), level: z.string(), message: z.string(), fix: z.string(), since: z.string() }),
      ),
    })
    .optional(),
  gates: z.array(z.looseObject({ peer: z.string(), state: z.string(), reason: z.string().optional() })),
});
type Status = z.output<typeof statusSchema>;

async function statusOf(ports: DeploymentPorts): Promise<Status> {
  const { status, body } = await ports.status();
  const parsed = statusSchema.safeParse(body);
  if (status === 200 && parsed.success) return parsed.data;
  throw new MalformedError(`the app answers ${status} to /control/status, and not its status`);
}

function statusCheck(
  ports: () => DeploymentPorts,
  { name, asks }: Pick<Check, "name" | "asks">,
  judge: (status: Status, ports: DeploymentPorts) => Promise<readonly Finding[]> | readonly Finding[],
): Check {
  return { area: "deployment", name, asks, after: "app", run: async () => judge(await statusOf(ports()), ports()) };
}

/** State of each workflow; one that somebody stopped loses its place when its token ends. */
export function workflowsCheck(ports: () => DeploymentPorts): Check {
  const asks = "is every workflow running, and is none stopped for so long that change tracking forgets?";
  return statusCheck(ports, { name: "workflows", asks }, async ({ workflows, at }, { tokenLifeDays }) => {
    const findings: Finding[] = [];
    for (const { name, state, reasons, wanted, since, by } of workflows) {
      const why = reasons.length > 0 ? `: ${reasons.join("; ")}` : "";
      if (state === "RUNNING")
        findings.push(
          why === "" ? ok(`${name} is running`) : warn(`${name} is running${why}`, "See peers, and docs/operate.md."),
        );
      else if (state === "FAILED")
        findings.push(fail(`${name} has failed${why}`, "Do what the reason says; docs/operate.md explains each."));
      // Nobody stopped it: nothing of what it does is switched on.
      else if (state === "STOPPED" && wanted === "running") findings.push(ok(`${name} has nothing to do${why}`));
      else if (state === "STARTING")
        findings.push(warn(`${name} is starting${why}`, "No run has ended yet: run this again in a minute."));
      else {
        const stoppedMs = since === undefined ? 0 : Date.parse(at) - Date.parse(since);
        const start = `POST /api/control/workflows/${name}/start starts it (docs/operate.md).`;
        const seen = `${name} is ${state.toLowerCase()}${since ? ` since ${since}` : ""}${by ? ` by ${by}` : ""}${why}`;
        const lifeMs =
          name === "ingress" && stoppedMs > dayMs ? (await tokenLifeDays()) * dayMs : Number.POSITIVE_INFINITY;
        findings.push(
          stoppedMs * 2 > lifeMs
            ? fail(
                `${seen}; its place in change tracking is kept for ${lifeMs / dayMs} days`,
                `${start} Later it has to read whole tables.`,
              )
            : warn(seen, start),
        );
      }
    }
    return findings;
  });
}

/** What the app itself is alarmed about. */
export function alarmsCheck(ports: () => DeploymentPorts): Check {
  const asks = "does the app's own monitor raise alarms, and does it look at all?";
  return statusCheck(ports, { name: "alarms", asks }, ({ monitor, dryRun, at }) => {
    const findings: Finding[] = (monitor?.alarms ?? []).map(({ code, level, message, fix, since }) =>
      (level === "error" ? fail : warn)(`${code} since ${since}: ${message}`, fix),
    );
    if (dryRun) {
      const seen = `the app is on a dry run since ${dryRun.startedAt}: nothing is written`;
      findings.push(warn(seen, "End the dry run when its report has been read (docs/from-laptop-to-production.md)."));
    }
    const lookedAt = monitor?.lookedAt;
    if (lookedAt !== undefined && Date.parse(at) - Date.parse(lookedAt) >= quietMs) {
      const fix = "Look at the log of the function monitor; a restart of the app wakes a trigger that stands still.";
      findings.push(fail(`the monitor itself has not looked since ${lookedAt}`, fix));
    }
    return orOk(findings, lookedAt === undefined ? "the monitor has not looked yet" : `none, at ${lookedAt}`);
  });
}

/** B27: a trigger that stands still is silent. */
export function sweepCheck(ports: () => DeploymentPorts): Check {
  const asks = "how old is the last look at every table's changes (a trigger that stands still is silent)?";
  return statusCheck(ports, { name: "checkpoints", asks }, ({ tables, at, workflows, lastSweepAt }) => {
    const ingress = workflows.find(({ name }) => name === "ingress");
    if (ingress && ingress.state !== "RUNNING" && ingress.state !== "FAILED")
      return [skipped(`ingress is ${ingress.state.toLowerCase()}`)];
    const fix =
      "Look at the log of ingress-sweep: does it run, and what does it say of the table? A restart of the app wakes a trigger that stands still (docs/operate.md).";
    const findings = tables.flatMap(({ table, state, parked, changes }): Finding[] => {
      if (state !== "RUNNING")
        return [
          warn(
            `${table} is parked: ${parked?.reason ?? "no reason given"}`,
            "Mend the reason, then take it up again (docs/operate.md).",
          ),
        ];
      const lookedAt = changes?.lookedAt;
      if (lookedAt === undefined) return [warn(`nobody has looked at the changes of ${table} yet`, fix)];
      const ageMs = Date.parse(at) - Date.parse(lookedAt);
      return ageMs < quietMs
        ? []
        : [fail(`the last look at ${table} was ${Math.round(ageMs / 60_000)} minutes ago`, fix)];
    });
    return orOk(findings, `${tables.length} tables, last looked at ${lastSweepAt ?? "never"}`);
  });
}

/** What waits, what is held back, what failed. */
export function backlogCheck(ports: () => DeploymentPorts): Check {
  const asks = "does work pile up: messages, closed gates, open failures?";
  return statusCheck(ports, { name: "backlog", asks }, ({ backlog, gates, failures, settingsVersion }) => {
    const many = (count: number, orMore: boolean): string => `${count}${orMore ? " or more" : ""}`;
    const closed = gates.filter(({ state }) => state !== "open");
    const findings: Finding[] = [
      ...closed.map(({ peer, reason = "no reason given" }) =>
        warn(
          `calls to ${peer} are held back: ${reason}`,
          "They go on by themselves when the peer answers again; sign-ins must be put right (docs/operate.md).",
        ),
      ),
      ...(backlog.orMore
        ? [
            warn(
              `${many(backlog.waiting, true)} messages wait`,
              "A load is under way, or Campaign is slow: GET /api/control/status twice shows whether it shrinks.",
            ),
          ]
        : []),
      ...(failures.open > 0
        ? [
            warn(
              `${many(failures.open, failures.orMore)} records failed`,
              "GET /api/control/failures says why and how to mend each; then redrive (docs/operate.md).",
            ),
          ]
        : []),
    ];
    return orOk(findings, `${backlog.waiting} messages wait, settings version ${settingsVersion} in force`);
  });
}
