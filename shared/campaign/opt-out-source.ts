// Finding profiles whose opt-outs moved, over REST (facts/campaign.md §5, §7, §9). Implements the port OptOutSource. What one call looks like is
// changed-list.ts; what an attribute is called opt-out-names.ts; nothing is decided here.
//
// By the times of the opt-outs (a filter that the customer makes): rows come in the order of their key, which never moves, so that a profile that is
// written while pages are read hides no other one. One that is deleted may, should Campaign's links count rows: a reading of several pages is repeated
// until two show the same keys, three times at most. `upTo` is the latest change on the very first page: what changes later is for the next reading.
// What is promised: every profile that stood there with such a time when a reading began, and that is there when it ends, comes at least once, but
// where profiles were deleted in each of three readings. Left to the flow: changes whose transaction ended long after the time they carry.
//
// By `lastModified` (fall-back, small tables only: every write of ours moves it): in the order of that time, as changed-reader.ts says.
//
// Push has no time of its own. By `lastModified` its changes are seen; by the times of the opt-outs only where the filter has a rule for it
// (docs/campaign-setup.md, opt-outs, step 1): a profile that is opted out of push and changed in any way.

import { createHash } from "node:crypto";
import { z } from "zod";
import { MalformedError, TableError } from "../errors.js";
import type { MovedPage, OptOutSource } from "../flows/optout-source.js";
import { parseJson } from "../http/json.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { Clock } from "../model/clock.js";
import type { OptOutNames } from "../optout/wire-names.js";
import {
  type ChangedList,
  type ChangedListOptions,
  type ChangedResource,
  type ListedRow,
  type ListedRows,
  type ListGuide,
  makeChangedList,
} from "./changed-list.js";
import {
  changesOf,
  followed,
  makeFilteredReader,
  makeWindowReader,
  type ReadChanged,
  requireSince,
  trailSchema,
} from "./changed-reader.js";
import { keyIn } from "./find-record.js";
import { instantIn, latestOf, optOutTimes, toMovedProfile } from "./moved-profile.js";
import { makeOptOutNames } from "./opt-out-names.js";

/** `by`: what the filter compares, or what rows are sorted by where there is none. `bigTable`: from so many profiles on `lastModified` is refused. */
export interface OptOutSourceOptions extends Omit<ChangedListOptions, "resource"> {
  filter: ChangedResource["filter"];
  by: "times" | "lastModified";
  bigTable?: number;
  windowRows?: number;
}

const guide: ListGuide = {
  operation: "list opt-outs",
  resource: "ingress, step 3; the mapping's resource says where it is",
  filter: "opt-outs, step 1; OPTOUT_FILTER",
  rule: "opt-outs, step 1; OPTOUT_FILTER, OPTOUT_SINCE_PARAMETER and OPTOUT_SINCE_FORMAT",
  spelling: "opt-outs, step 1; OPTOUT_SINCE_PARAMETER and OPTOUT_SINCE_FORMAT",
  order: "opt-outs, step 1",
};

/** Campaign's own column of a record's last change. */
const lastModified = "lastModified";
/** Before any choice, and after what an empty time may count as. */
const beginning = "2000-01-01T00:00:00.000Z";
/** Above Campaign's own idea of a big table (facts/campaign.md §5). */
const usualBigTable = 100_000;
const countedForMs = 60 * 60_000;
const mostPasses = 3;

type ReadMoved = (names: OptOutNames, since: string, cursor: string | undefined, size: number) => Promise<MovedPage>;

/** Reads from one instance: a call a page, and one an hour for the names of the attributes. */
export function makeOptOutSource(options: OptOutSourceOptions): OptOutSource & Required<Pick<OptOutSource, "check">> {
  const { client, clock, callMs, filter, by, bigTable = usualBigTable, windowRows = 5_000 } = options;
  const namesOf = makeOptOutNames(client, clock, callMs);
  const lists = new Map<string, { list: ChangedList; read: ReadMoved }>();

  const listOf = (mapping: CompiledMapping, order: string): ChangedList =>
    makeChangedList({ client, clock, callMs, resource: { ...mapping.resource, order, filter } }, guide);
  const make = (mapping: CompiledMapping): { list: ChangedList; read: ReadMoved } => {
    if (by === "times" && filter) {
      const list = listOf(mapping, mapping.key.field);
      return { list, read: readByTimes(list, mapping) };
    }
    const list = listOf(mapping, lastModified);
    const pages = filter ? makeFilteredReader(list, changeOf) : makeWindowReader(list, changeOf, windowRows);
    return { list, read: readByChange(pages, mapping, makeSizeCheck(list, mapping, bigTable, clock)) };
  };
  const of = (mapping: CompiledMapping): { list: ChangedList; read: ReadMoved } => {
    const id = `${mapping.resource.api}/${mapping.resource.name}/${mapping.key.field}`;
    const known = lists.get(id) ?? make(mapping);
    lists.set(id, known);
    return known;
  };

  return {
    async readMoved(mapping, since, cursor, size) {
      const names = await knownNames(namesOf, mapping);
      return of(mapping).read(names, since ?? beginning, cursor, size);
    },

    async check(mapping) {
      if (!filter || by !== "times") return;
      const { list } = of(mapping);
      const names = await knownNames(namesOf, mapping);
      const byChange = listOf(mapping, lastModified);
      const { rows } = await byChange.inOrder("newest first", 200);
      for (const { attribute, key, at } of samplesOf(names, mapping, rows)) {
        const shows = ({ rows: found }: ListedRows): boolean => found.some((row) => keyIn(mapping, row) === key);
        const found = await list.changedSince(at, 200);
        // More than a page of newer ones say nothing about this one; and it may have been deleted between the calls.
        if (found.next !== undefined || shows(found) || !shows(await byChange.inOrder("newest first", 200))) continue;
        throw list.wrong("filter-wrong", `Campaign's filter hides a profile whose opt-out ${attribute} changed`);
      }
    },
  };
}

/** The names of the attributes that the resource shows. TableError: it shows none. */
export async function knownNames(
  namesOf: (resource: CompiledMapping["resource"]) => Promise<OptOutNames>,
  { resource }: CompiledMapping,
): Promise<OptOutNames> {
  const names = await namesOf(resource);
  if (names.size > 0) return names;
  throw new TableError(`${resource.name} in ${resource.api} shows no opt-out attributes`, "opt-outs-missing");
}

/**
 * Where a reading by times stands. `token`: latest change on the first page of its first pass. `keys`: hash of the keys this pass has shown, up to
 * `last`; `before`: of those that the last pass showed.
 */
const positionSchema = trailSchema.extend({
  since: z.string(),
  pass: z.number(),
  keys: z.string(),
  last: z.string(),
  token: z.string().optional(),
  before: z.string().optional(),
});
type Position = z.infer<typeof positionSchema>;

function parsePosition(cursor: string): Position {
  const parsed = positionSchema.safeParse(parseJson(cursor));
  if (!parsed.success) throw new MalformedError("this is no cursor of moved opt-outs");
  return parsed.data;
}

function readByTimes(list: ChangedList, mapping: CompiledMapping): ReadMoved {
  return async (names, from, cursor, size) => {
    const here: Position = cursor === undefined ? freshPass(list.askable(from), 1) : parsePosition(cursor);
    const { rows, next } = await (here.next === undefined
      ? list.changedSince(here.since, size)
      : list.follow(here.next));
    const changes = changesOf((row) => latestOf([changeOf(row), ...optOutTimes(names, row)]), rows);
    requireSince(list, changes, here.since);
    const token = here.pass === 1 && here.next === undefined ? latestOf(changes) : here.token;
    const seen = withKeys(
      here,
      rows.map((row) => keyIn(mapping, row)),
    );
    const onward = next === undefined ? nextPass(here, seen) : { ...here, ...seen, ...followed(here, next) };
    const known = token === undefined ? {} : { token };
    return {
      ...toPage(names, mapping, rows),
      ...(onward && { next: JSON.stringify({ ...onward, ...known }) }),
      ...(!onward && token !== undefined && { upTo: token }),
    };
  };
}

function freshPass(since: string, pass: number): Position {
  return { since, pass, keys: "", last: "" };
}

/** Another pass over the same; undefined: this was the last. */
function nextPass(here: Position, seen: Pick<Position, "keys">): Position | undefined {
  const isOnePage = here.pass === 1 && here.next === undefined;
  if (isOnePage || here.before === seen.keys || here.pass === mostPasses) return undefined;
  return { ...freshPass(here.since, here.pass + 1), before: seen.keys };
}

/** Keys that come again, because others came before them meanwhile, do not count twice. */
function withKeys({ keys, last }: Position, shown: readonly string[]): Pick<Position, "keys" | "last"> {
  let [hash, highest] = [keys, last];
  for (const key of shown) {
    if (key <= highest) continue;
    hash = createHash("sha256").update(hash).update(key).digest("base64url");
    highest = key;
  }
  return { keys: hash, last: highest };
}

function readByChange(read: ReadChanged, mapping: CompiledMapping, checkSize: () => Promise<void>): ReadMoved {
  return async (names, from, cursor, size) => {
    if (cursor === undefined) await checkSize();
    const { rows, next } = await read(from, cursor, size);
    const upTo = changesOf(changeOf, rows).at(-1);
    return {
      ...toPage(names, mapping, rows),
      ...(next === undefined ? upTo !== undefined && { upTo } : { next }),
    };
  };
}

/** Refuses a table in which every write of ours would be looked at; counts once an hour. */
function makeSizeCheck(
  list: ChangedList,
  { resource }: CompiledMapping,
  bigTable: number,
  clock: Pick<Clock, "now">,
): () => Promise<void> {
  let countedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (clock.now() - countedAt < countedForMs) return;
    const count = (await list.count()) ?? 0;
    if (count > bigTable) {
      const problem = `${resource.name} has ${count} records, too many to find opt-outs by ${lastModified}`;
      const fix = "make the filter on their times: opt-outs, step 1; OPTOUT_FILTER (docs/campaign-setup.md)";
      throw new TableError(`${problem}: ${fix}`, "table-too-big", { system: "campaign", operation: guide.operation });
    }
    countedAt = clock.now();
  };
}

function toPage(names: OptOutNames, mapping: CompiledMapping, rows: readonly ListedRow[]): MovedPage {
  const profiles = rows.flatMap((row) => {
    const key = keyIn(mapping, row);
    return key === "" ? [] : [toMovedProfile(names, key, row, changeOf(row) ?? beginning)];
  });
  const malformed = profiles.filter(({ optOuts }) => !optOuts).length;
  return { profiles, withoutKey: rows.length - profiles.length, malformed };
}

/** Of each mapped attribute the profile that changed last, if that is the profile's latest change: no other rule of the filter finds it then. */
function samplesOf(names: OptOutNames, mapping: CompiledMapping, rows: readonly ListedRow[]) {
  return (mapping.optOuts?.attributes ?? []).flatMap(({ attribute }) => {
    const times = names.get(attribute)?.times ?? [];
    const found = rows.flatMap((row) => {
      const at = latestOf(times.map((time) => instantIn(row, time)));
      const key = keyIn(mapping, row);
      return key !== "" && at !== undefined && at === latestOf(optOutTimes(names, row)) ? [{ attribute, key, at }] : [];
    });
    return found.sort((one, other) => (one.at < other.at ? 1 : -1)).slice(0, 1);
  });
}

function changeOf(row: ListedRow): string | undefined {
  return instantIn(row, lastModified);
}
