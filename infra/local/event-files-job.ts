// The scenario of e-mail events by files: that of events-job.ts, but Campaign's workflows extract its logs to files on SFTP, and no call of the API
// is spent on them. Who judges besides: the SFTP account, where no file may be left.

import { doneFolder } from "../../shared/campaign/file-folder.js";
import { loadSettings } from "../../shared/settings/load.js";
import { openSftp } from "../../shared/sftp/sftp-session.js";
import { eventSettings, playEvents } from "./events-job.js";
import type { Stage } from "./main-job.js";
import { eventually, type Observer } from "./people.js";
import type { Report } from "./report.js";

/** App settings that read events from files. Files appear whole here, and soon. */
export const eventFileSettings: Readonly<Record<string, string>> = {
  ...eventSettings,
  EVENTS_SOURCE: "files",
  EVENTS_SETTLED_SECONDS: "1",
  EVENTS_WORKFLOWS: "extractEmailEvents",
};

/** From now on Campaign's workflows extract what was logged, every three seconds. */
export async function extractOften(observer: Observer): Promise<void> {
  await observer.command("campaign", "settings", { eventFileMinutes: 3 / 60 });
}

/** Names of the files that are still to be read, and of those that were. */
export async function listEventFiles(
  settings: Readonly<Record<string, string>>,
): Promise<{ left: string[]; done: string[] }> {
  const { from } = loadSettings(settings).events;
  if (from.by !== "files") throw new Error("events are not read from files");
  const session = await openSftp({ ...from.account, timeoutMs: 5_000 });
  try {
    const namesIn = async (folder: string): Promise<string[]> => (await session.list(folder)).map(({ name }) => name);
    await session.ensureFolder(`${from.folder}/${doneFolder}`);
    const [left, done] = [await namesIn(from.folder), await namesIn(`${from.folder}/${doneFolder}`)];
    return { left: left.sort(), done: done.sort() };
  } finally {
    session.close();
  }
}

/** Plays the events with `contacts` contacts and looks at the files at the end. */
export async function playEventFiles(
  stage: Stage,
  contacts: number,
  settings: Readonly<Record<string, string>>,
): Promise<Report> {
  const report = await playEvents(stage, contacts);
  const files = await eventually(
    "every file to be put away",
    async () => {
      const found = await listEventFiles(settings);
      return found.left.length === 0 && found.done.length > 0 ? found : undefined;
    },
    { everyMs: 300 },
  );
  stage.say(`SFTP: no file is left, ${files.done.length} are in ${doneFolder}:`);
  for (const name of files.done) stage.say(`  ${name}`);
  return report;
}
