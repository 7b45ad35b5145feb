// The full reads of all tables, page by page, into the lanes (design.md §3, Sweep): first load, recovery, replays. Resumable: a checkpoint moves
// when all of a page is queued, a kill repeats the page. Ordering one is full-read.ts.

import type { CompiledMapping } from "../mapping/compile.js";
import { bundle, type Envelope } from "../model/envelope.js";
import { buckets, laneOf } from "../model/lane.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import { type LaneMeter, type LoadPace, makeLaneMeter } from "./fill-lanes.js";
import { type FullReadMode, fullReadStream } from "./full-read.js";
import type { IngressPorts } from "./ports.js";
import { type News, rowEnvelope } from "./sweep-envelopes.js";
import { findUnseenDeletes } from "./unseen-deletes.js";
import { verifyStep } from "./verify-campaign.js";

const flow = "ingress";

/** What one turn over all tables did: rows queued, whether anything moved, and whether nothing is left to read. */
export interface ReadingTurn {
  loaded: number;
  moved: boolean;
  done: boolean;
}

/** Reads full tables for the length of one sweep; what is in its hands when the sweep ends is read again by the next. */
export interface TableReader {
  /**
   * One turn: every table in `mappings` (parents first) that waits for no table whose own rows are still being read gets a page in hand, and the lanes
   * are filled from all of them in turn.
   */
  turn(mappings: readonly CompiledMapping[]): Promise<ReadingTurn>;
}

/** A page that is being handed out. */
interface Page {
  after: Checkpoint["values"];
  rows: number;
  byLane: Map<string, Envelope[]>;
}

/** What one table has in hand: pages in the order of the read, and the ETag of its checkpoint. */
interface Hand {
  mapping: CompiledMapping;
  etag: string;
  pages: Page[];
}

/** A table with nothing to read is looked at again after this time, in ms. */
const idleMs = 1_000;
/** Pages that are kept in hand at most, so that no lane runs dry because the rows of a page fell to the others. A kill reads them again. */
const mostPagesInHand = 20;

/** Runs work on one table; trouble with that table alone ends there. */
export type Guard = (mapping: CompiledMapping, work: () => Promise<void>) => Promise<void>;

/** Makes the reader of one sweep. */
export function makeTableReader(ports: IngressPorts, pace: LoadPace, guard: Guard): TableReader {
  const meter = makeLaneMeter(pace);
  const hands = new Map<string, Hand>();
  const idleUntil = new Map<string, number>();

  /** Reads on until every lane has enough of this table, the table ends, or enough rows are in hand. Answers whether its rows are being read. */
  const take = async (mapping: CompiledMapping, turn: ReadingTurn): Promise<boolean> => {
    const { name } = mapping.table;
    const hand = hands.get(name);
    if (hand) {
      await readAhead(ports, pace, hand, meter.target());
      return true;
    }
    if (ports.clock.now() < (idleUntil.get(name) ?? 0)) return false;
    const step = await nextStep(ports, mapping, pace);
    turn.moved ||= step.moved;
    if (!step.done) turn.done = false;
    if (step.done) idleUntil.set(name, ports.clock.now() + idleMs);
    if (step.hand) hands.set(name, step.hand);
    return step.isReading;
  };

  /** Moves the checkpoint over every page that is wholly queued. */
  const moveOn = async (name: string, hand: Hand, turn: ReadingTurn): Promise<void> => {
    for (let [page] = hand.pages; page?.byLane.size === 0; [page] = hand.pages) {
      hand.etag = await ports.checkpoints.save(flow, fullReadStream(name), page.after, hand.etag);
      hand.pages.shift();
      turn.loaded += page.rows;
      turn.moved = true;
    }
    if (hand.pages.length === 0) hands.delete(name);
  };

  return {
    async turn(mappings) {
      const turn: ReadingTurn = { loaded: 0, moved: false, done: true };
      const reading = new Set<string>();
      for (const mapping of mappings) {
        const { name } = mapping.table;
        if (mapping.waitsFor.some((parent) => reading.has(parent))) reading.add(name);
        else
          await guard(mapping, async () => {
            if (await take(mapping, turn)) reading.add(name);
          });
      }
      if (hands.size === 0) return turn;
      turn.done = false;
      turn.moved = (await fillLanes(ports, pace, meter, [...hands.values()])) > 0 || turn.moved;
      for (const [name, hand] of hands) {
        await guard(hand.mapping, () => moveOn(name, hand, turn)).catch((error: unknown) => {
          // What is in hand is read again by whoever goes on.
          hands.delete(name);
          throw error;
        });
      }
      return turn;
    },
  };
}

/** One page more, if a lane has less than `target` of what is in hand, and there is room and something left to read. */
async function readAhead(ports: IngressPorts, pace: LoadPace, hand: Hand, target: number): Promise<void> {
  const last = hand.pages.at(-1);
  if (!last || typeof last.after.cursor !== "string") return;
  if (hand.pages.length === mostPagesInHand) return;
  const perLane = new Map<string, number>();
  for (const { byLane } of hand.pages) {
    for (const [lane, envelopes] of byLane) perLane.set(lane, (perLane.get(lane) ?? 0) + envelopes.length);
  }
  const least = perLane.size < pace.lanes ? 0 : Math.min(...perLane.values());
  if (least < target) hand.pages.push(await readPage(ports, hand.mapping, pace, last.after));
}

async function nextStep(
  ports: IngressPorts,
  mapping: CompiledMapping,
  pace: LoadPace,
): Promise<{ hand?: Hand; moved: boolean; done: boolean; isReading: boolean }> {
  const stream = fullReadStream(mapping.table.name);
  const checkpoint = await ports.checkpoints.read(flow, stream);
  if (!checkpoint || checkpoint.values.phase === "done") return { moved: false, done: true, isReading: false };
  const { values, etag } = checkpoint;
  if (values.mode === "verify" || values.mode === "report") {
    const after = await verifyStep(ports, mapping, values, pace.pageSize);
    await ports.checkpoints.save(flow, stream, after, etag);
    return { moved: true, done: false, isReading: after.phase === "reading" };
  }
  if (values.phase === "deletes") {
    await ports.checkpoints.save(flow, stream, await lookForDeletes(ports, mapping, values), etag);
    return { moved: true, done: false, isReading: false };
  }
  const pages = [await readPage(ports, mapping, pace, values)];
  return { hand: { mapping, etag, pages }, moved: true, done: false, isReading: true };
}

async function readPage(
  ports: IngressPorts,
  mapping: CompiledMapping,
  pace: LoadPace,
  values: Checkpoint["values"],
): Promise<Page> {
  const cursor = typeof values.cursor === "string" ? values.cursor : undefined;
  const page = await ports.dynamics.readPage(mapping, cursor, pace.pageSize);
  const news = await newsOf(ports, values);
  const byLane = new Map<string, Envelope[]>();
  for (const row of page.rows) {
    const lane = laneOf(mapping.table.name, row.id, pace.lanes);
    byLane.set(lane, [...(byLane.get(lane) ?? []), rowEnvelope(mapping, row, news)]);
  }
  const { cursor: _cursor, ...rest } = values;
  const read = { ...rest, count: Number(values.count ?? 0) + page.rows.length };
  const after = page.next === undefined ? finishReading(read) : { ...read, cursor: page.next };
  return { after, rows: page.rows.length, byLane };
}

/** Also the very first load looks for deletes: notices may have brought rows before the table was followed. */
function finishReading(values: Checkpoint["values"]): Checkpoint["values"] {
  return { ...values, phase: "deletes", bucket: 0, suspects: 0 };
}

async function lookForDeletes(
  ports: IngressPorts,
  mapping: CompiledMapping,
  values: Checkpoint["values"],
): Promise<Checkpoint["values"]> {
  const { force: _force, ...news } = await newsOf(ports, values);
  const step = await findUnseenDeletes(ports, mapping, Number(values.bucket), news);
  const suspects = Number(values.suspects ?? 0) + step.suspects;
  if (step.bucket < buckets) return { ...values, bucket: step.bucket, suspects };
  const { bucket: _bucket, ...rest } = values;
  return { ...rest, suspects, phase: "done", finishedAt: news.occurredAt };
}

const causes: Readonly<Record<FullReadMode, Envelope["cause"]>> = {
  load: "load",
  recovery: "recovery",
  changed: "replay",
  force: "replay",
  verify: "replay",
  report: "replay",
};

async function newsOf(ports: IngressPorts, values: Checkpoint["values"]): Promise<News> {
  const { version: settings } = await ports.settings.current();
  const mode = String(values.mode ?? "load") as FullReadMode;
  return {
    cause: causes[mode],
    nonce: `${mode}-${values.generation}`,
    occurredAt: new Date(ports.clock.now()).toISOString(),
    settings,
    ...(mode === "force" && { force: true }),
  };
}

/** Gives every lane what it may have, from all tables in turn; answers how many records were sent. */
async function fillLanes(
  ports: IngressPorts,
  pace: LoadPace,
  meter: LaneMeter,
  hands: readonly Hand[],
): Promise<number> {
  const depths = await ports.queue.depths(pace.maxDepth);
  meter.saw(depths, ports.clock.now());
  const size = Math.ceil(meter.target() / 2);
  const bundles: Envelope[][] = [];
  const lanes = new Set(hands.flatMap(({ pages }) => pages.flatMap(({ byLane }) => [...byLane.keys()])));
  for (const lane of lanes) {
    // Two bundles: while one is worked on, the next is there. Never less than a whole one, for every message costs the lane a turn.
    const depth = depths.get(lane) ?? 0;
    const room = depth === 0 ? 2 * size : depth <= size ? size : 0;
    bundles.push(...bundle(takeInTurn(hands, lane, room), size));
  }
  if (bundles.length > 0) await ports.queue.sendBundles(bundles);
  const sent = bundles.reduce((sum, one) => sum + one.length, 0);
  meter.sent(sent);
  return sent;
}

/** Up to `room` envelopes of a lane, one of each table in turn, every table's oldest page first. */
function takeInTurn(hands: readonly Hand[], lane: string, room: number): Envelope[] {
  const taken: Envelope[] = [];
  const takeFrom = ({ pages }: Hand): boolean => {
    const page = taken.length < room ? pages.find(({ byLane }) => byLane.has(lane)) : undefined;
    const left = page?.byLane.get(lane);
    const next = left?.shift();
    if (!page || !left || !next) return false;
    taken.push(next);
    if (left.length === 0) page.byLane.delete(lane);
    return true;
  };
  for (let found = true; found; ) found = hands.map(takeFrom).includes(true);
  return taken;
}
