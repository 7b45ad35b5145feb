// The daily opt-out export that Adobe's integration reads from the Campaign SFTP (facts/campaign.md §9). File name, format and
// columns are (unconfirmed); here it is a file in a folder.

import { join } from "node:path";
import type { Instance } from "../instance.js";
import { toWire } from "../wire/values.js";
import { csvCell, freeName, makeSchedule, type Schedule, writeOut } from "./extract-file.js";
import { workflowState } from "./workflows.js";

const dayMs = 86_400_000;
const runsAtMs = 2 * 3_600_000;

/** Columns of the file: key, opt-outs, their change times, the record's. */
function columnsOf(instance: Instance): string[] {
  const prefix = instance.settings.optOutNames;
  const fields = instance.catalog.resource("profile").definition.fields.map((field) => field.name);
  const optOuts = fields.filter((name) => name.startsWith(prefix) || name.startsWith("ccpaOptOut"));
  const isTime = (name: string): boolean => name.endsWith("LastModified");
  return ["externalId", ...optOuts.filter((name) => !isTime(name)), ...optOuts.filter(isTime), "lastModified"];
}

function* changedRows(instance: Instance, columns: string[], from: number, until: number): Generator<string> {
  const resource = instance.catalog.resource("profile");
  const table = instance.store.table("profile");
  const order = table.ordered("lastModified", (value) => value ?? 0);
  for (const id of order.from(order.rank({ value: from, id: Number.NEGATIVE_INFINITY }), 1)) {
    const values = table.get(id) ?? {};
    if (Number(values.lastModified) >= until) return;
    const cells = columns.map((name) => {
      const field = resource.field(name);
      return field === undefined ? "" : csvCell(toWire(field, values[name]));
    });
    yield cells.join(",");
  }
}

/**
 * Writes the profiles changed since the last export to `<folder>/d365_loads/exports/optout_YYYYMMDDHHMMSS.csv`. Answers file and rows; undefined while there is no folder or the workflow does not run.
 */
export function exportOptOuts(instance: Instance): { file: string; rows: number } | undefined {
  const { optOutFolder } = instance.settings;
  if (optOutFolder === null || workflowState(instance, "exportOptOuts").state !== "started") return undefined;
  const now = instance.world.now();
  const columns = columnsOf(instance);
  const rows = [...changedRows(instance, columns, Number(instance.store.document("optOutsExportedUntil") ?? 0), now)];
  const file = freeName(now, (stamp) => join(optOutFolder, "d365_loads", "exports", `optout_${stamp}.csv`));
  // The bookmark last: whoever stops the process in between finds the same profiles in the next file.
  writeOut(instance, file, `${[columns.join(","), ...rows].join("\r\n")}\r\n`, () =>
    instance.store.saveDocument("optOutsExportedUntil", now),
  );
  return { file, rows: rows.length };
}

/** The daily run of the export, 02:00 UTC, while there is a folder. */
export function makeOptOutSchedule(instance: Instance): Schedule {
  const nextRun = (now: number): number | undefined =>
    instance.settings.optOutFolder === null ? undefined : Math.ceil((now - runsAtMs + 1) / dayMs) * dayMs + runsAtMs;
  return makeSchedule(instance, nextRun, () => void exportOptOuts(instance));
}
