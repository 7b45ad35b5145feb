// The ledger's side of ingress (design.md §3, Sweep): follow change tracking from a token read first, and load the whole table
// once on a checkpoint of its own. Whatever a webhook lost is found here. A checkpoint moves only after what it covers is queued.

import { createHash } from "node:crypto";
import { MalformedError, RefusedError } from "../errors.js";
import type { CompiledMapping } from "../mapping/compile.js";
import { type Envelope, fitEnvelope } from "../model/envelope.js";
import { compareVersions, type RecordId } from "../model/ids.js";
import { mapLimit } from "./map-limit.js";
import { type IngressPorts, maxIdsPerRead, type TrackedPage, type VersionedRow } from "./ports.js";

/** Vendor code of a change tracking link that expired (facts/dataverse.md §4). */
const expiredLink = "0x80044352";
const flow = "ingress";
const statesAtOnce = 16;

/** How a load paces itself: rows a page, and the queue depth above which it waits so that live changes keep their latency. */
export interface LoadPace {
  pageSize: number;
  maxDepth: number;
  pollMs: number;
  /** How often changes are followed while a load runs, in ms. */
  followMs: number;
}

/** What one sweep did, over all tables. */
export interface SweepResult {
  changes: number;
  loaded: number;
  loadsDone: boolean;
}

/**
 * Follows the changes of every mapped table, then loads what is not loaded yet, a page of each table in turn, until all is done
 * or `deadline` (epoch ms). Changes are followed on while loads run.
 */
export async function sweep(ports: IngressPorts, pace: LoadPace, deadline: number): Promise<SweepResult> {
  await ports.binding();
  const mappings = [...(await ports.settings.current()).mappings.values()];
  const result = { changes: await followAll(ports, mappings), loaded: 0, loadsDone: false };
  let followedAt = ports.clock.now();

  for (;;) {
    const steps: LoadStep[] = [];
    for (const mapping of mappings) steps.push(await loadStep(ports, mapping, pace));
    result.loaded += steps.reduce((sum, step) => sum + step.loaded, 0);
    result.loadsDone = steps.every((step) => step.status === "done");
    if (result.loadsDone || ports.clock.now() >= deadline) return result;
    if (!steps.some((step) => step.status === "loaded")) await ports.clock.sleep(pace.pollMs);
    if (ports.clock.now() - followedAt >= pace.followMs) {
      result.changes += await followAll(ports, mappings);
      followedAt = ports.clock.now();
    }
  }
}

async function followAll(ports: IngressPorts, mappings: readonly CompiledMapping[]): Promise<number> {
  let changes = 0;
  for (const mapping of mappings) changes += await followChanges(ports, mapping);
  return changes;
}

/**
 * Reads change tracking onward from the checkpoint and queues what it finds; answers how many records. The first read only fetches
 * a token (ids, no data) and orders a load; so does an expired token. ConflictError: another sweep owns the stream.
 */
export async function followChanges(ports: IngressPorts, mapping: CompiledMapping): Promise<number> {
  const stream = `${mapping.table.name}-delta`;
  const checkpoint = await ports.checkpoints.read(flow, stream);
  let etag = checkpoint?.etag;
  let following = checkpoint?.values.phase === "following";
  let link = asText(checkpoint?.values.link);
  let generation = Number(checkpoint?.values.generation ?? 1);
  let queued = 0;

  for (;;) {
    let page: TrackedPage;
    try {
      page = await ports.dynamics.readChanges(mapping, link);
    } catch (error) {
      if (!(error instanceof RefusedError) || error.code !== expiredLink || link === undefined) throw error;
      generation += following ? 1 : 0;
      etag = await ports.checkpoints.save(flow, stream, { phase: "token", generation }, etag);
      [link, following] = [undefined, false];
      continue;
    }
    if (following) queued += await queueChanges(ports, mapping, page, link ?? "");
    if (!following && page.delta !== undefined) await orderLoad(ports, mapping, generation);
    following ||= page.delta !== undefined;
    link = page.delta ?? page.next ?? link;
    const at = new Date(ports.clock.now()).toISOString();
    const values = { phase: following ? "following" : "token", link: link ?? "", generation, at };
    etag = await ports.checkpoints.save(flow, stream, values, etag);
    if (page.next === undefined && !following) throw new MalformedError(`Dataverse gave no delta link for ${stream}`);
    if (page.next === undefined) return queued;
  }
}

/** A load of this generation is ordered once; one that was ordered before is left as it is. */
async function orderLoad(ports: IngressPorts, mapping: CompiledMapping, generation: number): Promise<void> {
  const stream = `${mapping.table.name}-load`;
  const load = await ports.checkpoints.read(flow, stream);
  if (load && Number(load.values.generation) >= generation) return;
  const startedAt = new Date(ports.clock.now()).toISOString();
  await ports.checkpoints.save(flow, stream, { phase: "reading", generation, count: 0, startedAt }, load?.etag);
}

interface LoadStep {
  status: "done" | "waiting" | "loaded";
  loaded: number;
}

/**
 * Loads one page if the queue has room. `done` also when no load was ordered; the checkpoint moves after the page is queued, so
 * a kill repeats the page and loses nothing.
 */
async function loadStep(ports: IngressPorts, mapping: CompiledMapping, pace: LoadPace): Promise<LoadStep> {
  const stream = `${mapping.table.name}-load`;
  const checkpoint = await ports.checkpoints.read(flow, stream);
  if (checkpoint?.values.phase !== "reading") return { status: "done", loaded: 0 };
  const waiting = [...(await ports.queue.depths(pace.maxDepth)).values()].reduce((sum, depth) => sum + depth, 0);
  if (waiting >= pace.maxDepth) return { status: "waiting", loaded: 0 };

  const { values, etag } = checkpoint;
  const cursor = asText(values.cursor);
  const page = await ports.dynamics.readPage(mapping, cursor, pace.pageSize);
  const nonce = `load-${values.generation}`;
  const occurredAt = new Date(ports.clock.now()).toISOString();
  await ports.queue.send(page.rows.map((row) => rowEnvelope(mapping, row, { cause: "load", nonce, occurredAt })));

  const count = Number(values.count) + page.rows.length;
  const moved =
    page.next === undefined
      ? {
          phase: "done",
          generation: Number(values.generation),
          count,
          startedAt: String(values.startedAt),
          finishedAt: occurredAt,
        }
      : { ...values, count, cursor: page.next };
  await ports.checkpoints.save(flow, stream, moved, etag);
  return { status: "loaded", loaded: page.rows.length };
}

/** Queues the records of a page that the state does not know to be dealt with, changed ones with their rows, read in bulk. */
async function queueChanges(
  ports: IngressPorts,
  mapping: CompiledMapping,
  page: TrackedPage,
  link: string,
): Promise<number> {
  const nonce = `sweep-${createHash("sha256").update(link).digest("hex").slice(0, 16)}`;
  const news = { cause: "sweep" as const, nonce, occurredAt: new Date(ports.clock.now()).toISOString() };
  const open = await notDealtWith(ports, mapping, page.changed);

  for (let start = 0; start < open.length; start += maxIdsPerRead) {
    const ids = open.slice(start, start + maxIdsPerRead);
    const rows = new Map((await ports.dynamics.fetchRows(mapping, ids)).map((row) => [row.id, row]));
    const envelopes = ids.map((id) => {
      const row = rows.get(id);
      // Deleted since: the writer finds out with a fresh read.
      return row ? rowEnvelope(mapping, row, news) : bareEnvelope(mapping, id, "upsert", news);
    });
    await ports.queue.send(envelopes);
  }
  // A delete is queued even if no state knows the record: its creation may still be waiting in the lane, row included.
  await ports.queue.send(page.deleted.map((id) => bareEnvelope(mapping, id, "delete", news)));
  return open.length + page.deleted.length;
}

async function notDealtWith(
  ports: IngressPorts,
  mapping: CompiledMapping,
  changed: TrackedPage["changed"],
): Promise<RecordId[]> {
  const { epoch } = await ports.binding();
  const open = await mapLimit(changed, statesAtOnce, async ({ id, version }) => {
    const state = (await ports.states.read(mapping.table.name, id))?.state;
    const known = state?.version !== undefined && state.epoch === epoch && compareVersions(version, state.version) <= 0;
    return known ? undefined : id;
  });
  return open.filter((id) => id !== undefined);
}

type News = Pick<Envelope, "cause" | "occurredAt"> & { nonce: string };

function bareEnvelope(mapping: CompiledMapping, id: RecordId, kind: Envelope["kind"], news: News): Envelope {
  return { v: 1, table: mapping.table.name, id, kind, attempt: 0, correlationId: news.nonce, ...news };
}

function rowEnvelope(mapping: CompiledMapping, { id, version, row }: VersionedRow, news: News): Envelope {
  return fitEnvelope({ ...bareEnvelope(mapping, id, "upsert", news), version, row, columns: mapping.columnSet });
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
