import { readStatus } from "../../../shared/control/status.js";
import type { Services } from "../../../shared/services.js";

const mostFailures = 20;

/** The system at a glance, as lines. */
export async function describeOverview({ controlPorts, lanesQueue }: Services): Promise<string[]> {
  const status = await readStatus(controlPorts);
  const { workflows, tables, backlog, gates, failures, settingsVersion, callsToday, monitor } = status;
  const lanes = Object.entries(backlog.lanes).map(([lane, depth]) => `${lane} ${depth}`);
  const lines = [
    ...(status.dryRun
      ? [
          `DRY RUN ${status.dryRun.number} since ${status.dryRun.startedAt}: nothing is written; what follows is on paper`,
        ]
      : []),
    ...monitor.alarms.map(
      ({ level, code, about, since, message, fix }) =>
        `${level.toUpperCase()} ${[code, about].filter(Boolean).join(" ")} since ${since}: ${message}. ${fix}`,
    ),
    ...workflows.map(({ name, state, reasons }) => `${name}: ${[state, ...reasons].join("; ")}`),
    `settings: version ${settingsVersion}`,
    `queue ${lanesQueue}: ${backlog.waiting}${more(backlog.orMore)} waiting${lanes.length > 0 ? ` (${lanes.join(", ")})` : ""}`,
    ...gates.map(
      ({ peer, state, reason, until }) => `gate ${peer}: ${state}${reason ? ` until ${until}: ${reason}` : ""}`,
    ),
    ...tables.map(({ table, resource, state, parked, changes, fullRead }) => {
      const read = fullRead && `${fullRead.mode} ${fullRead.phase}, ${fullRead.records} rows`;
      const tracked = changes ? `changes ${changes.phase}` : "changes not followed yet";
      return [`table ${table} → ${resource}: ${state}`, parked?.reason, tracked, read].filter(Boolean).join("; ");
    }),
    ...Object.entries(callsToday ?? {}).map(([purpose, calls]) => `Campaign calls today, ${purpose}: ${calls}`),
    `open failures: ${failures.open}${more(failures.orMore)}`,
  ];
  let shown = 0;
  for await (const { table, id, code, message, lastAt } of controlPorts.failures.list("open")) {
    if (shown === mostFailures) break;
    lines.push(`  ${lastAt}  ${table} ${id}  ${code}: ${message}`);
    shown += 1;
  }
  return lines;
}

function more(orMore: boolean): string {
  return orMore ? " or more" : "";
}
