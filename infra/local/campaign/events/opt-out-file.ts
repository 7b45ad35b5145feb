// The daily opt-out export that Adobe's integration reads from the Campaign SFTP (facts/campaign.md §9). File name, format and
// columns are (unconfirmed); here it is a file in a folder.

import { appendFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Instance } from "../instance.js";
import { toWire } from "../wire/values.js";
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

function csvCell(value: unknown): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
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

/** Whole or not at all, or by halves, as the switch `optOutWriteMs` says. `written` is called when all of it is there. */
function writeOut({ settings, world }: Instance, file: string, text: string, written: () => void): void {
  if (settings.optOutWriteMs > 0) {
    const half = Math.floor(text.length / 2);
    writeFileSync(file, text.slice(0, half));
    world.later(settings.optOutWriteMs, () => {
      appendFileSync(file, text.slice(half));
      written();
    });
    return;
  }
  writeFileSync(`${file}.part`, text);
  renameSync(`${file}.part`, file);
  written();
}

/** A name that is not taken: a second file of one second is named as if it were of the next. */
function freeName(folder: string, now: number): string {
  const stamp = new Date(now).toISOString().replaceAll(/\D/g, "").slice(0, 14);
  const file = join(folder, `optout_${stamp}.csv`);
  return existsSync(file) ? freeName(folder, now + 1000) : file;
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
  const folder = join(optOutFolder, "d365_loads", "exports");
  mkdirSync(folder, { recursive: true });
  const file = freeName(folder, now);
  // The bookmark last: whoever stops the process in between finds the same profiles in the next file.
  writeOut(instance, file, `${[columns.join(","), ...rows].join("\r\n")}\r\n`, () =>
    instance.store.saveDocument("optOutsExportedUntil", now),
  );
  return { file, rows: rows.length };
}

/** The daily run of the export, 02:00 UTC. */
export interface OptOutSchedule {
  /** Starts it when the switches now name a folder; call after every change of them. */
  follow(): void;
}

/** Makes a schedule that sets no timer before there is a folder to write to, and lets it lapse when there is none any more. */
export function makeOptOutSchedule(instance: Instance): OptOutSchedule {
  let isWaiting = false;

  function run(): void {
    isWaiting = false;
    try {
      exportOptOuts(instance);
    } catch (error) {
      console.error("campaign: the opt-out export failed", error);
    }
    follow();
  }

  function follow(): void {
    if (isWaiting || instance.settings.optOutFolder === null) return;
    isWaiting = true;
    const now = instance.world.now();
    const next = Math.ceil((now - runsAtMs + 1) / dayMs) * dayMs + runsAtMs;
    instance.world.later(next - now, run);
  }

  follow();
  return { follow };
}
