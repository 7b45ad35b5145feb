// What a workflow with `Extract file` and `Transfer file` does: delimited text into a folder of the SFTP account, on a schedule. What stands in the
// files is opt-out-file.ts and event-files.ts. Formats are (unconfirmed).

import { appendFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Instance } from "../instance.js";

/** A text as it stands between separators: in quotes where it has to be, or always. */
export function csvCell(value: unknown, separator = ",", always = false): string {
  const text = String(value);
  const isPlain = !always && !text.includes(separator) && !/["\r\n]/.test(text);
  return isPlain ? text : `"${text.replaceAll('"', '""')}"`;
}

/** `YYYYMMDDHHMMSS`. A second file of one second is named as if it were of the next. */
export function freeName(now: number, nameAt: (stamp: string) => string): string {
  const file = nameAt(new Date(now).toISOString().replaceAll(/\D/g, "").slice(0, 14));
  return existsSync(file) ? freeName(now + 1000, nameAt) : file;
}

/** Whole or not at all, or by halves, as the switch `fileWriteMs` says. `written` is called when all of it is there. */
export function writeOut({ settings, world }: Instance, file: string, text: string, written: () => void): void {
  mkdirSync(dirname(file), { recursive: true });
  if (settings.fileWriteMs > 0) {
    const half = Math.floor(text.length / 2);
    writeFileSync(file, text.slice(0, half));
    world.later(settings.fileWriteMs, () => {
      appendFileSync(file, text.slice(half));
      written();
    });
    return;
  }
  writeFileSync(`${file}.part`, text);
  renameSync(`${file}.part`, file);
  written();
}

/** Runs of a workflow by time. */
export interface Schedule {
  /** Starts it when the switches now ask for it; call after every change of them. */
  follow(): void;
}

/** Makes a schedule that sets no timer while `nextRun` answers undefined, and lets it lapse when it comes to that. */
export function makeSchedule(
  instance: Instance,
  nextRun: (now: number) => number | undefined,
  run: () => void,
): Schedule {
  let isWaiting = false;

  function follow(): void {
    const now = instance.world.now();
    const next = nextRun(now);
    if (isWaiting || next === undefined) return;
    isWaiting = true;
    instance.world.later(next - now, () => {
      isWaiting = false;
      try {
        run();
      } catch (error) {
        console.error("campaign: writing a file failed", error);
      }
      follow();
    });
  }

  follow();
  return { follow };
}
