// The full reads of all tables, page by page, into the lanes (design.md §3, Sweep): first load, recovery, replays. Resumable: a checkpoint moves
// when all of a page is queued, a kill repeats the page. Ordering one is full-read.ts.

import type { CompiledMapping } from "../mapping/compile.js";
import type { Envelope } from "../model/envelope.js";
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
  /** One turn: every table in `mappings` that may read gets a page in hand, and the lanes are filled from all of them in turn. */
  turn(mappings: readonly CompiledMapping[]): Promise<ReadingTurn>;
}

/** A page that is being handed out. */
interface Page {
  mapping: CompiledMapping;
  etag: string;
  after: Checkpoint["values"];
  rows: number;
  byLane: Map<string, Envelope[]>;
}

/** Runs work on one table; trouble with that table alone ends there. */
export type Guard = (mapping: CompiledMapping, work: () => Promise<void>) => Promise<void>;

/** Makes the reader of one sweep. */
export function makeTableReader(ports: IngressPorts, pace: LoadPace, guard: Guard): TableReader {
  const meter = makeLaneMeter(pace);
  const pages = new Map<string, Page>();

  return {
    async turn(mappings) {
      const turn: ReadingTurn = { loaded: 0, moved: false, done: true };
      for (const mapping of mappings) {
        const name = mapping.table.name;
        if (pages.has(name)) continue;
        await guard(mapping, async () => {
          const step = await nextStep(ports, mapping, pace);
          if (step.page) pages.set(name, step.page);
          turn.moved ||= step.moved;
          if (!step.done) turn.done = false;
        });
      }
      if (pages.size > 0) {
        turn.done = false;
        turn.moved = (await fillLanes(ports, pace, meter, pages)) > 0 || turn.moved;
      }
      for (const [name, page] of pages) {
        if (page.byLane.size > 0) continue;
        pages.delete(name);
        await guard(page.mapping, async () => {
          await ports.checkpoints.save(flow, fullReadStream(name), page.after, page.etag);
          turn.loaded += page.rows;
          turn.moved = true;
        });
      }
      return turn;
    },
  };
}

async function nextStep(
  ports: IngressPorts,
  mapping: CompiledMapping,
  pace: LoadPace,
): Promise<{ page?: Page; moved: boolean; done: boolean }> {
  const stream = fullReadStream(mapping.table.name);
  const checkpoint = await ports.checkpoints.read(flow, stream);
  if (!checkpoint || checkpoint.values.phase === "done") return { moved: false, done: true };
  const { values, etag } = checkpoint;
  if (values.mode === "verify" || values.mode === "report") {
    await ports.checkpoints.save(flow, stream, await verifyStep(ports, mapping, values, pace.pageSize), etag);
    return { moved: true, done: false };
  }
  if (values.phase === "deletes") {
    await ports.checkpoints.save(flow, stream, await lookForDeletes(ports, mapping, values), etag);
    return { moved: true, done: false };
  }
  return { page: await readPage(ports, mapping, pace, values, etag), moved: true, done: false };
}

async function readPage(
  ports: IngressPorts,
  mapping: CompiledMapping,
  pace: LoadPace,
  values: Checkpoint["values"],
  etag: string,
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
  return { mapping, etag, after, rows: page.rows.length, byLane };
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

/** Gives every lane what it may have, from all tables in turn; answers how many messages were sent. */
async function fillLanes(
  ports: IngressPorts,
  pace: LoadPace,
  meter: LaneMeter,
  pages: ReadonlyMap<string, Page>,
): Promise<number> {
  const depths = await ports.queue.depths(pace.maxDepth);
  meter.saw(depths, ports.clock.now());
  const target = meter.target();
  const batch: Envelope[] = [];
  const lanes = new Set([...pages.values()].flatMap(({ byLane }) => [...byLane.keys()]));
  for (const lane of lanes) {
    let room = target - (depths.get(lane) ?? 0);
    const sources = [...pages.values()].filter(({ byLane }) => byLane.has(lane));
    while (room > 0 && sources.some(({ byLane }) => byLane.has(lane))) {
      for (const { byLane } of sources) {
        const next = room > 0 ? byLane.get(lane)?.shift() : undefined;
        if (!next) continue;
        batch.push(next);
        room -= 1;
        if (byLane.get(lane)?.length === 0) byLane.delete(lane);
      }
    }
  }
  if (batch.length > 0) await ports.queue.send(batch);
  meter.sent(batch.length);
  return batch.length;
}
