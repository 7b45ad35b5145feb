// What a connected run shows while it goes on and when it ends: where everything is, what was read, what was or would be written.

import type { readStatus } from "../../shared/control/status.js";
import type { OutcomeCount } from "../../shared/flows/dry-count.js";
import type { RealSystems } from "./connect-settings.js";

/** The end of a connected run. `outcomes`: what a dry run would have written; `calls`: calls to Campaign by purpose, since the start. */
export interface ConnectReport {
  mode: "dry run" | "write";
  real: RealSystems;
  /** `readPhase`: of all rows; `followed`: its changes have been looked at since the start. */
  tables: readonly {
    table: string;
    state: string;
    reason?: string;
    read: number;
    readPhase: string;
    followed: boolean;
  }[];
  /** What holds the app up. */
  trouble: readonly string[];
  waiting: number;
  failures: number;
  outcomes: readonly OutcomeCount[];
  /** There may be more outcomes than were counted. */
  orMore: boolean;
  calls: Readonly<Record<string, number>>;
}

type Status = Awaited<ReturnType<typeof readStatus>>;

/** The report of this moment. */
export function makeReport(
  status: Status,
  counted: { counts: readonly OutcomeCount[]; orMore: boolean } | undefined,
  { real, callsBefore, startedAt }: { real: RealSystems; callsBefore: ConnectReport["calls"]; startedAt: string },
): ConnectReport {
  return {
    mode: counted ? "dry run" : "write",
    real,
    trouble: [
      ...status.gates.flatMap(({ peer, state, reason = "" }) =>
        state === "open" ? [] : [`calls to ${peer} are held back: ${reason}`],
      ),
      ...status.workflows.flatMap(({ name, state, reasons }) =>
        state === "FAILED" || state === "STOPPED" ? [`${name} ${state}: ${reasons.join("; ")}`] : [],
      ),
    ],
    tables: status.tables.map(({ table, state, parked, changes, fullRead }) => ({
      table,
      state,
      ...(parked && { reason: parked.reason }),
      read: fullRead?.records ?? 0,
      readPhase: fullRead?.phase ?? "not begun",
      followed: (changes?.lookedAt ?? "") > startedAt,
    })),
    waiting: status.backlog.waiting,
    failures: status.failures.open,
    outcomes: counted?.counts ?? [],
    orMore: counted?.orMore ?? false,
    calls: since(status.callsToday ?? {}, callsBefore),
  };
}

/** Has all been read that was there at the start, and is nothing left to do? */
export function isDone({ tables, waiting }: ConnectReport): boolean {
  return (
    waiting === 0 &&
    tables.every(({ state, followed, readPhase }) => state === "PARKED" || (followed && readPhase === "done"))
  );
}

/** One line of progress for each table, and one for the rest. */
export function progressLines({
  mode,
  trouble,
  tables,
  waiting,
  failures,
  outcomes,
  orMore,
  calls,
}: ConnectReport): string[] {
  return [
    ...tables.map(({ table, state, reason, read, readPhase }) => {
      const ofTable = outcomes.filter((one) => one.table === table).map(inWords);
      const would = ofTable.length > 0 ? `; would be ${ofTable.join(", ")}${orMore ? " or more" : ""}` : "";
      return `  ${table}: ${state === "PARKED" ? `PARKED, ${reason}` : `${read} rows read, ${readPhase}`}${would}`;
    }),
    ...trouble.map((what) => `  ${what}`),
    `  waiting ${waiting}, open failures ${failures}${mode === "write" ? writtenIn(calls) : ""}`,
  ];
}

/** The end, on the terminal. */
export function reportLines({ mode, outcomes, orMore, calls, failures, waiting }: ConnectReport): string[] {
  const made = Object.entries(calls).map(([purpose, count]) => `  ${purpose}: ${count}`);
  return [
    "",
    mode === "dry run" ? "DRY RUN: nothing was written. It would be:" : "written; calls to Campaign:",
    ...(mode === "dry run" ? outcomes.map((one) => `  ${one.system} ${one.table}: ${inWords(one)}`) : made),
    ...(mode === "dry run" && outcomes.length === 0 ? ["  nothing"] : []),
    ...(orMore ? ["  and more that were not counted"] : []),
    `  open failures: ${failures}, messages still waiting: ${waiting}`,
  ];
}

function inWords({ outcome, records }: OutcomeCount): string {
  return `${records} ${outcome}`;
}

function writtenIn(calls: ConnectReport["calls"]): string {
  const writes = Object.entries(calls).filter(([purpose]) => /^(create|update|delete|write) /.test(purpose));
  return writes.map(([purpose, count]) => `, ${purpose} ${count}`).join("");
}

function since(now: Readonly<Record<string, number>>, before: ConnectReport["calls"]): Record<string, number> {
  const grown = Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0));
}
