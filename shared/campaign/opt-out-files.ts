// Profiles whose opt-outs moved, from the files that Adobe's workflow exports once a day to an SFTP account (facts/campaign.md §9): the other OptOutSource.
// Which files are read, and when, is file-folder.ts. Values in a file only ring: by the time they are read they may be a day old.

import { TableError } from "../errors.js";
import type { MovedPage, MovedProfile, OptOutSource } from "../flows/optout-source.js";
import type { CompiledMapping } from "../mapping/compile.js";
import { namesIn } from "../optout/wire-names.js";
import { toInstant } from "./event-row.js";
import { type FileFolderOptions, type FilePage, makeFileFolder, rejectedFolder } from "./file-folder.js";
import { toMovedProfile } from "./moved-profile.js";

/** Where the files are. `key`: their column with the profile's key; names of the others are Campaign's own (unconfirmed), none of which must be there. */
export interface OptOutFilesOptions extends FileFolderOptions {
  key: string;
}

/** Reads files, oldest first, one page after the other; `since` does not matter. */
export function makeOptOutFiles({
  key,
  ...options
}: OptOutFilesOptions): OptOutSource & Required<Pick<OptOutSource, "acknowledge" | "check" | "close">> {
  const files = makeFileFolder(options, { columns: [key], line: "a profile", setting: "OPTOUT_FILES" });
  return {
    async readMoved(mapping, _since, cursor, size) {
      const page = await files.read(cursor, size);
      return page ? toPage(mapping, key, page) : { profiles: [], withoutKey: 0, malformed: 0 };
    },
    acknowledge: (receipt) => files.acknowledge(receipt),
    async check() {
      const rejected = await files.rejected();
      if (rejected.length > 0)
        throw new TableError(whyUnread(`${options.folder}/${rejectedFolder}`, rejected), "files-rejected");
    },
    close: () => files.close(),
  };
}

function whyUnread(folder: string, names: readonly string[]): string {
  const which = `${names.length}, ${names[0]} first`;
  return `${folder} holds files that could not be read (${which}): what they say of opt-outs is not known. Give their first line the column that OPTOUT_FILES_KEY names and move them back, or delete them`;
}

function toPage(mapping: CompiledMapping, keyColumn: string, { lines, changedAt, ...page }: FilePage): MovedPage {
  const profiles: MovedProfile[] = [];
  let [withoutKey, malformed] = [0, 0];
  for (const { row } of lines) {
    const key = row?.[keyColumn]?.trim();
    if (row === undefined) malformed += 1;
    else if (!key) withoutKey += 1;
    else {
      const { profile, isMalformed } = toProfile(mapping, key, row, changedAt);
      if (isMalformed) malformed += 1;
      profiles.push(profile);
    }
  }
  return { profiles, withoutKey, malformed, ...page };
}

/** A file that lacks a mapped attribute says nothing of it, and then its lines always may be news. */
function toProfile(
  mapping: CompiledMapping,
  key: string,
  row: Readonly<Record<string, string | undefined>>,
  changedAt: string,
): { profile: MovedProfile; isMalformed: boolean } {
  const names = namesIn((name) => Object.hasOwn(row, name));
  const isWhole = (mapping.optOuts?.attributes ?? []).every(({ attribute }) => names.has(attribute));
  const record = Object.fromEntries(Object.entries(row).map(([name, text = ""]) => [name, toValue(text.trim())]));
  const { optOuts, ...profile } = toMovedProfile(names, key, record, changedAt);
  return { profile: isWhole && optOuts ? { ...profile, optOuts } : profile, isMalformed: !optOuts };
}

/** As the API would show it: yes and no, and times of the workflow's zone, which the guide sets to UTC. */
function toValue(text: string): string | boolean {
  if (/^(true|1|yes)$/i.test(text)) return true;
  if (/^(false|0|no)$/i.test(text)) return false;
  return toInstant(text, true) ?? text;
}
