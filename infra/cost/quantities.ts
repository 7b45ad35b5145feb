// What a month uses of Azure's meters, from settings, schedules and what was measured. Pure; prices are somebody else's and change. How it is shown: main.ts.

/** What a month is made of. */
export interface Month {
  days: number;
  /** Records that change in Dynamics, live: each a notice and a write. */
  changes: number;
  /** Rows that loads and replays look at. */
  loaded: number;
  /** Are types of e-mail events on (EGRESS_TYPES)? */
  egress: boolean;
  /** Instances that always wait for the lanes, and the memory of an instance. */
  alwaysReady: number;
  memoryGb: number;
}

/** A timer of the app and its schedule (NCRONTAB). */
export interface Timer {
  name: string;
  schedule: string;
}

/** One meter of a month. `how`: the arithmetic. */
export interface Quantity {
  meter: Meter;
  quantity: number;
  unit: string;
  how: string;
}

/** What Azure puts on a bill; prices are given by these names. */
export type Meter =
  | "alwaysReadyGbSeconds"
  | "onDemandGbSeconds"
  | "executions"
  | "busOperations"
  | "tableTransactions"
  | "logGb";

/**
 * What was counted on the local runtime with the schedules of production (docs/cost.md says how). The host's own keeping of timers is not in it: on Azure that is blobs.
 */
export const measured = {
  tableTransactionsAMinute: 37,
  busOperationsAMinute: 21,
  tableTransactionsAChange: 9.6,
  busOperationsAChange: 3.6,
  tableTransactionsALoadedRow: 3.5,
  busOperationsALoadedRow: 2,
} as const;

/** The platform bills no run for less. */
const shortestRunSeconds = 1;
/** Lines of app and host about one change, and about one run of a timer; what Azure counts for a line is an assumption. */
const linesAChange = 8;
const linesARun = 5;
const bytesALine = 700;

/** Runs of a timer in a day. Second, minute and hour may be `*`, a number, or a step such as `*` followed by `/15`; days must be every day. */
export function runsADay({ name, schedule }: Timer): number {
  const fields = schedule.split(/\s+/);
  if (fields.length !== 6 || fields.slice(3).some((field) => field !== "*")) {
    throw new Error(`the schedule of ${name} is none that can be counted: ${schedule}`);
  }
  const [seconds, minutes, hours] = [timesOf(fields[0], 60), timesOf(fields[1], 60), timesOf(fields[2], 24)];
  return seconds * minutes * hours;
}

function timesOf(field = "", of: number): number {
  if (field === "*") return of;
  const step = /^\*\/(\d+)$/.exec(field)?.[1];
  return step === undefined ? field.split(",").length : Math.ceil(of / Number(step));
}

/** Every meter of a month, with its arithmetic. */
export function quantitiesOf(month: Month, timers: readonly Timer[]): Quantity[] {
  const { days, changes, loaded, alwaysReady, memoryGb } = month;
  const minutes = days * 24 * 60;
  const runs = days * timers.reduce((sum, timer) => sum + runsADay(timer), 0);
  const seconds = days * 24 * 3600;
  const spoken = (value: number): string => value.toLocaleString("en-GB");
  const both = (base: number, unit: string, aChange: number, aRow: number): [number, string] => [
    minutes * base + changes * aChange + loaded * aRow,
    `${spoken(minutes)} min × ${base} ${unit} + ${spoken(changes)} changes × ${aChange} + ${spoken(loaded)} rows × ${aRow}`,
  ];
  const [tables, howTables] = both(
    measured.tableTransactionsAMinute,
    "a minute",
    measured.tableTransactionsAChange,
    measured.tableTransactionsALoadedRow,
  );
  const [bus, howBus] = both(
    measured.busOperationsAMinute,
    "a minute",
    measured.busOperationsAChange,
    measured.busOperationsALoadedRow,
  );
  const lines = runs * linesARun + changes * linesAChange + loaded * linesARun;
  return [
    {
      meter: "alwaysReadyGbSeconds",
      quantity: seconds * alwaysReady * memoryGb,
      unit: "GB-s",
      how: `${spoken(seconds)} s × ${alwaysReady} instances × ${memoryGb} GB`,
    },
    {
      meter: "onDemandGbSeconds",
      quantity: (runs + 2 * changes) * shortestRunSeconds * memoryGb,
      unit: "GB-s",
      how: `(${spoken(runs)} runs of timers + 2 × ${spoken(changes)} changes) × ${shortestRunSeconds} s × ${memoryGb} GB; at most, for runs that overlap share`,
    },
    {
      meter: "executions",
      quantity: runs + 2 * changes + loaded,
      unit: "runs",
      how: `${spoken(runs)} of timers + 2 a change + at most 1 a row`,
    },
    { meter: "busOperations", quantity: bus, unit: "operations", how: howBus },
    { meter: "tableTransactions", quantity: tables, unit: "transactions", how: howTables },
    {
      meter: "logGb",
      quantity: (lines * bytesALine) / 1e9,
      unit: "GB",
      how: `${spoken(lines)} lines × ${bytesALine} bytes, an assumption`,
    },
  ];
}
