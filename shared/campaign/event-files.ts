// E-mail events from files that a workflow of Campaign extracts to an SFTP account (facts/campaign.md §8.3 "Alternative"): the other EventSource.
// Every file that lies in the folder is still to be read, whatever its time. Which files are read, and when, is file-folder.ts.

import type { EventPage, EventSource, SkippedRow } from "../flows/egress-ports.js";
import type { EmailEvent } from "../model/email-event.js";
import { type EventFields, readEventRow } from "./event-row.js";
import { type FileFolderOptions, type FilePage, makeFileFolder } from "./file-folder.js";

/** Where the files are, and what their columns are called. */
export interface EventFilesOptions extends FileFolderOptions {
  fields: EventFields;
}

/** The port, with what a source of files has besides. */
export type FileEventSource = EventSource & Required<Pick<EventSource, "acknowledge" | "rejected" | "close">>;

/** Column of the row's change: a file's rows change with the file. No header can be called so. */
const changed = "\n";

/** Reads files, oldest first, one page after the other; `since` does not matter. */
export function makeEventFiles(options: EventFilesOptions): FileEventSource {
  const { fields } = options;
  const columns = [fields.id, fields.type, fields.at, fields.contactKey];
  const files = makeFileFolder(options, { columns, line: "an event", setting: "EVENTS_FILES" });
  return {
    async readEvents(_since, cursor, size) {
      const page = await files.read(cursor, size);
      return page ? toPage(fields, page) : { events: [], skipped: [] };
    },
    // Files are gone once they are read: nothing is purged before.
    oldestChange: async () => undefined,
    acknowledge: (receipt) => files.acknowledge(receipt),
    rejected: () => files.rejected(),
    close: () => files.close(),
  };
}

function toPage(fields: EventFields, { lines, changedAt: fileAt, ...page }: FilePage): EventPage {
  const changedAt = endOfSecond(fileAt);
  const events: EmailEvent[] = [];
  const skipped: SkippedRow[] = [];
  // Times without zone are in the workflow's, which the guide sets to UTC.
  const settings = { fields, changed, zoneless: true };
  for (const { place, row } of lines) {
    const read = row && readEventRow(settings, { ...row, [changed]: changedAt });
    if (!read) skipped.push({ reason: "malformed", key: place, changedAt });
    else if ("event" in read) events.push(read.event);
    else skipped.push({ ...read.skipped, key: place, changedAt });
  }
  return { events, skipped, ...page };
}

/** SFTP tells times in whole seconds: events that came in the second in which their type was switched on are not older than that. */
function endOfSecond(iso: string): string {
  return new Date(Date.parse(iso) + 999).toISOString();
}
