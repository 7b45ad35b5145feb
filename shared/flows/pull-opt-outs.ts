// Opt-outs that changed in Campaign onto the queue (design.md §5): finds profiles and rings for their contacts; the lane reads both sides afresh and
// decides. How far a reading has got is opt-out-progress.ts, what is news opt-out-news.ts, where profiles are read the port OptOutSource.

import { errorKind, safeMessage, TableError } from "../errors.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { Clock } from "../model/clock.js";
import type { Envelope } from "../model/envelope.js";
import type { Binding } from "../storage/binding.js";
import type { CheckpointStore } from "../storage/checkpoints.js";
import type { SyncStateStore } from "../storage/sync-state.js";
import { mapLimit } from "./map-limit.js";
import { contactOf, isNews, newsIdOf, optOutEnvelope } from "./opt-out-news.js";
import { beginReading, endReading, type PullProgress, toProgress, toValues } from "./opt-out-progress.js";
import type { MovedPage, MovedProfile, OptOutSource } from "./optout-source.js";
import type { ChangeQueue, Gates, SettingsInForce, SettingsSource } from "./ports.js";

/** Where the pull keeps how far it has got. */
export const optOutCheckpoint = { flow: "optout", stream: "profiles" } as const;

/** How opt-outs are pulled; times in ms. After a change the next look comes after `busyMs`, then after twice as long each, up to `idleMs`. */
export interface OptOutPace {
  pageSize: number;
  /** How far back each reading asks; `wide` every `wideEvery`. */
  narrowMs: number;
  wideMs: number;
  wideEveryMs: number;
  /** How often the customer's filter is checked. */
  checkEveryMs: number;
  busyMs: number;
  idleMs: number;
  /** Nothing is sent while so many messages wait; then a look every `pollMs`. */
  maxDepth: number;
  pollMs: number;
}

/** What the pull works with; made by services.ts, or by a test. */
export interface OptOutPullPorts {
  source: OptOutSource;
  settings: SettingsSource;
  checkpoints: CheckpointStore;
  states: Pick<SyncStateStore, "read">;
  queue: Pick<ChangeQueue, "send" | "depths">;
  gates: Gates;
  clock: Clock;
  /** Verified a short while ago; BindingError: nothing may be done. */
  binding(): Promise<Binding>;
  /** Does an operator want opt-outs kept equal now? */
  isWanted(): Promise<boolean>;
  /** What this process has rung for already, while the lane is at it. */
  rung: Recent;
}

/** What was noted a short while ago. */
export interface Recent {
  has(id: string): boolean;
  note(id: string): void;
}

/**
 * What one pull did. `rung`: contacts the lane is to look at; of one reading, `known`: profiles that showed nothing new; `withoutKey`, `foreign`, `malformed`: profiles
 * without a key, with one that is no contact's, and rows that cannot be read. `upToDate`: everything there was has been read. `warnings`: what an
 * operator should mend, such as a filter that hides profiles.
 */
export interface OptOutPull extends PullCounts {
  readings: number;
  upToDate: boolean;
  isOff: boolean;
  warnings: readonly string[];
}

interface PullCounts {
  rung: number;
  known: number;
  withoutKey: number;
  foreign: number;
  malformed: number;
}

const { flow, stream } = optOutCheckpoint;
/** Sync states read at the same time. */
const statesAtOnce = 16;

/**
 * Reads what moved since the last reading and rings for it, and goes on as long as changes come, until it is quiet or `deadline` (epoch ms). The first
 * reading takes in all profiles that ever had an opt-out time; so does the first one after the mapped attributes changed. ConflictError: another run
 * owns the stream; nothing is wrong.
 */
export async function pullOptOuts(ports: OptOutPullPorts, pace: OptOutPace, deadline: number): Promise<OptOutPull> {
  const { clock } = ports;
  const result: OptOutPull = { ...none, readings: 0, upToDate: false, isOff: false, warnings: [] };
  let waitMs = pace.busyMs;
  try {
    for (;;) {
      const inForce = await ports.settings.current();
      const mapping = pulledMapping(inForce);
      if (!mapping || !(await ports.isWanted())) return { ...result, isOff: true };
      const { epoch } = await ports.binding();
      if (await ports.gates.admit(false)) return { ...result, upToDate: false };
      const reading = await readOnce({ ports, pace, mapping, version: inForce.version, epoch, deadline });
      const rung = result.rung + reading.rung;
      join(result, reading);
      result.rung = rung;
      result.readings += 1;
      result.upToDate = reading.upToDate;
      result.warnings = [...result.warnings, ...reading.warnings];
      if (!reading.upToDate) return result;
      waitMs = reading.rung > 0 ? pace.busyMs : rung > 0 ? waitMs * 2 : pace.idleMs;
      if (waitMs >= pace.idleMs || clock.now() + waitMs >= deadline) return result;
      await clock.sleep(waitMs);
    }
  } finally {
    ports.source.close?.();
  }
}

/** Remembers the last `most` things for `keptMs` each. */
export function makeRecent(most: number, keptMs: number, clock: Pick<Clock, "now">): Recent {
  const kept = new Map<string, number>();
  return {
    has: (id) => clock.now() < (kept.get(id) ?? 0),
    note(id) {
      kept.delete(id);
      kept.set(id, clock.now() + keptMs);
      for (const [oldest] of kept) {
        if (kept.size <= most) return;
        kept.delete(oldest);
      }
    },
  };
}

/** The mapping whose opt-outs Campaign is asked for: only profiles have some, and a resource has one mapping. */
export function pulledMapping({ mappings }: SettingsInForce): CompiledMapping | undefined {
  return [...mappings.values()].find(({ optOuts }) => optOuts && optOuts.direction !== "toCampaign");
}

interface Run {
  ports: OptOutPullPorts;
  pace: OptOutPace;
  mapping: CompiledMapping;
  version: number;
  epoch: number;
  deadline: number;
}

/** From where the last run was, page by page, to the end of the reading. A page counts as read once the queue has all of it. */
async function readOnce(run: Run): Promise<PullCounts & { upToDate: boolean; warnings: readonly string[] }> {
  const { ports, pace, mapping, deadline } = run;
  const { checkpoints, clock, source } = ports;
  const counts = { ...none };
  const warnings: string[] = [];
  const found = await checkpoints.read(flow, stream);
  let progress = beginReading(toProgress(found?.values, scopeOf(run)), clock.now(), pace);
  let etag = found?.etag;
  const save = async (next: PullProgress): Promise<void> => {
    progress = next;
    etag = await checkpoints.save(flow, stream, toValues(next, clock.now()), etag);
  };
  const moveTo = (cursor: string | undefined): Promise<void> =>
    save({ ...progress, reading: { ...progress.reading, cursor } });

  for (;;) {
    const { from, cursor, startedAt } = progress.reading;
    const page = await source.readMoved(mapping, from, cursor, pace.pageSize).catch(async (error: unknown) => {
      // A link may have grown old; whatever else it is, a reading from the start finds out.
      if (cursor !== undefined && !isPassing(error)) await moveTo(undefined);
      throw error;
    });
    await ports.gates.fine("campaign");
    // The bus drops what was sent a short while ago, by this process or another one.
    const news = await newsOf(run, page, String(Math.floor(startedAt / pace.wideEveryMs)));
    if (!(await send(run, news.found))) return { ...counts, upToDate: false, warnings };
    add(counts, news.counts);
    if (page.rejected !== undefined) warnings.push(page.rejected);
    progress = { ...progress, rung: progress.rung + news.counts.rung };
    if (page.next !== undefined) {
      await moveTo(page.next);
      await acknowledge(source, page);
      if (clock.now() >= deadline || !(await ports.isWanted())) return { ...counts, upToDate: false, warnings };
      continue;
    }
    const isDue = source.check !== undefined && clock.now() - progress.checkedAt >= pace.checkEveryMs;
    await save({ ...endReading(progress, page.upTo), ...(isDue && { checkedAt: clock.now() }) });
    await acknowledge(source, page);
    if (isDue) warnings.push(...(await check(run)));
    return { ...counts, upToDate: true, warnings };
  }
}

/** What the reading is about: for other attributes, or another environment, everything is to be read anew. */
function scopeOf({ mapping, epoch }: Run): string {
  const attributes = (mapping.optOuts?.attributes ?? []).map(({ attribute }) => attribute).sort();
  return `${mapping.table.name} ${mapping.resource.name} ${attributes.join(",")} ${epoch}`;
}

interface News {
  newsId: string;
  envelope: Envelope;
}

/** Which of a page's profiles the lane should look at. What was rung for a short while ago, and may not be settled yet, is not rung for again. */
async function newsOf(
  { ports, mapping, version }: Run,
  page: MovedPage,
  run: string,
): Promise<{ found: News[]; counts: PullCounts }> {
  const judge = async (profile: MovedProfile): Promise<News | "foreign" | "known"> => {
    const id = contactOf(profile);
    if (id === undefined) return "foreign";
    const newsId = newsIdOf(profile);
    if (ports.rung.has(newsId)) return "known";
    const stored = await ports.states.read(mapping.table.name, id);
    if (!isNews(profile, mapping, stored?.state.optOuts)) {
      ports.rung.note(newsId);
      return "known";
    }
    return { newsId, envelope: optOutEnvelope(mapping, id, profile, { run, settings: version }) };
  };
  const judged = await mapLimit(page.profiles, statesAtOnce, judge);
  const found = judged.filter((one) => typeof one !== "string");
  const count = (what: string): number => judged.filter((one) => one === what).length;
  const { withoutKey, malformed } = page;
  const counts = { rung: found.length, known: count("known"), foreign: count("foreign"), withoutKey, malformed };
  return { found, counts };
}

/** Sends as the queue has room, so that live changes keep their latency. Answers whether all was sent before the deadline. */
async function send({ ports, pace, deadline }: Run, found: readonly News[]): Promise<boolean> {
  const { queue, clock, rung } = ports;
  for (let sent = 0; sent < found.length; ) {
    const waiting = [...(await queue.depths(pace.maxDepth)).values()].reduce((sum, depth) => sum + depth, 0);
    const some = found.slice(sent, sent + Math.max(0, pace.maxDepth - waiting));
    if (some.length === 0) {
      if (clock.now() >= deadline) return false;
      await clock.sleep(pace.pollMs);
      continue;
    }
    await queue.send(some.map(({ envelope }) => envelope));
    for (const { newsId } of some) rung.note(newsId);
    sent += some.length;
  }
  return true;
}

async function acknowledge(source: OptOutSource, { receipt }: MovedPage): Promise<void> {
  if (receipt !== undefined) await source.acknowledge?.(receipt);
}

/** A filter that hides some opt-outs still finds the others: said, not thrown. */
async function check({ ports, mapping }: Run): Promise<string[]> {
  try {
    await ports.source.check?.(mapping);
    return [];
  } catch (error) {
    if (error instanceof TableError) return [safeMessage(error)];
    throw error;
  }
}

/** Trouble of the peer, or of ours, that says nothing about the place where the reading stood. */
function isPassing(error: unknown): boolean {
  return ["auth", "throttled", "unavailable"].includes(errorKind(error));
}

const none: PullCounts = { rung: 0, known: 0, withoutKey: 0, foreign: 0, malformed: 0 };

function add(sums: PullCounts, more: PullCounts): void {
  for (const name of Object.keys(none) as (keyof PullCounts)[]) sums[name] += more[name];
}

/** Of several readings: what the overlap shows again is not counted again. */
function join(sums: PullCounts, more: PullCounts): void {
  for (const name of Object.keys(none) as (keyof PullCounts)[]) sums[name] = Math.max(sums[name], more[name]);
}
