// Two workflows that extract the delivery and tracking logs to the SFTP account instead of staging them (facts/campaign.md §8.3 "Alternative"):
// Scheduler, Incremental query by date, Extract file, Transfer file. File names and format are (unconfirmed).

import { join } from "node:path";
import type { Instance } from "../instance.js";
import type { Values } from "../store/table.js";
import { csvCell, freeName, makeSchedule, type Schedule, writeOut } from "./extract-file.js";
import { logTable } from "./staging.js";
import { workflowState } from "./workflows.js";

const minuteMs = 60_000;
const names = ["eventId", "eventType", "eventDate", "externalId", "campaignName", "deliveryName"];
const extracts = [
  { stem: "delivery_logs", types: ["send", "bounce"], columns: [...names, "failureType"] },
  { stem: "tracking_logs", types: ["open", "click"], columns: [...names, "url"] },
];

/** A file that was written, below the folder of the account. */
export interface ExtractedFile {
  file: string;
  rows: number;
}

/** Log rows of people with a key that changed since the last run: at or after it, so that a row of its very moment comes twice. */
function* changedRows(instance: Instance, from: number, now: number): Generator<Values> {
  const table = instance.store.table(logTable);
  const order = table.ordered("logLastModified", (value) => value ?? 0);
  for (const id of order.from(order.rank({ value: from, id: Number.NEGATIVE_INFINITY }), 1)) {
    const values = table.get(id) ?? {};
    if (Number(values.logLastModified) > now) return;
    if ((values.externalId ?? "") !== "") yield values;
  }
}

/** Texts in double quotes, times of the workflow's zone, UTC, without naming it. */
function lineOf(row: Values, columns: readonly string[], separator: string): string {
  const cells = columns.map((name) => {
    const value = row[name] ?? "";
    if (name !== "eventDate") return csvCell(value, separator, true);
    return new Date(Number(value)).toISOString().slice(0, 19).replace("T", " ");
  });
  return cells.join(separator);
}

/** Writes what was logged since the last run to `<eventFolder>/d365_loads/events/<log>_YYYYMMDDHHMMSS.csv`; no rows, no file. */
export function extractEvents(instance: Instance): { files: ExtractedFile[] } {
  const { eventFolder, eventFileSeparator: separator } = instance.settings;
  if (eventFolder === null || workflowState(instance, "extractEmailEvents").state !== "started") return { files: [] };
  const now = instance.world.now();
  const rows = [...changedRows(instance, Number(instance.store.document("eventsExtractedUntil") ?? 0), now)];
  const due = extracts
    .map(({ types, ...extract }) => ({ ...extract, rows: rows.filter((row) => types.includes(String(row.eventType))) }))
    .filter((extract) => extract.rows.length > 0);
  let open = due.length;
  // The bookmark last: whoever stops the process in between finds the same rows in the next files.
  const written = (): void => {
    open -= 1;
    if (open === 0) instance.store.saveDocument("eventsExtractedUntil", now);
  };
  const files = due.map(({ stem, columns, rows }) => {
    const name = (stamp: string): string => join("d365_loads", "events", `${stem}_${stamp}.csv`);
    const path = freeName(now, (stamp) => join(eventFolder, name(stamp)));
    const lines = [columns.join(separator), ...rows.map((row) => lineOf(row, columns, separator))];
    writeOut(instance, path, `${lines.join("\n")}\n`, written);
    return { file: path.slice(eventFolder.length + 1), rows: rows.length };
  });
  return { files };
}

/** Every `eventFileMinutes`. */
export function makeEventFileSchedule(instance: Instance): Schedule {
  const nextRun = (now: number): number | undefined => {
    const { eventFolder, eventFileMinutes } = instance.settings;
    return eventFolder === null || eventFileMinutes === null ? undefined : now + eventFileMinutes * minuteMs;
  };
  return makeSchedule(instance, nextRun, () => void extractEvents(instance));
}
