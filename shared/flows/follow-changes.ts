// Change tracking of one table, read onward from the checkpoint (design.md §3, Sweep). Token first, data second: the first read fetches ids and
// versions only. A checkpoint moves only after what it covers is queued.

import { createHash } from "node:crypto";
import { MalformedError, RefusedError } from "../errors.js";
import type { CompiledMapping } from "../mapping/compile.js";
import { compareVersions, type RecordId } from "../model/ids.js";
import type { CheckpointStore } from "../storage/checkpoints.js";
import { fullReadStream, orderFullRead } from "./full-read.js";
import { mapLimit } from "./map-limit.js";
import { type IngressPorts, maxIdsPerRead, type TrackedPage } from "./ports.js";
import { bareEnvelope, type News, rowEnvelope } from "./sweep-envelopes.js";

/** Vendor code of a change tracking link that expired (facts/dataverse.md §4). */
const expiredLink = "0x80044352";
const mostRenewals = 2;
const flow = "ingress";
const statesAtOnce = 16;

/** Name of the stream in which a table's tracking link is kept; flow `ingress`. */
export function deltaStream(table: string): string {
  return `${table}-delta`;
}

/**
 * From when on change tracking tells of the table's deletes (epoch ms): when the token that is followed was given. Undefined: none is followed, and
 * the full read that comes with the next one looks for what was deleted before it.
 */
export async function trackedSince(checkpoints: CheckpointStore, table: string): Promise<number | undefined> {
  const since = asText((await checkpoints.read(flow, deltaStream(table)))?.values.since);
  return since === undefined ? undefined : Date.parse(since);
}

/**
 * Reads change tracking onward from the checkpoint and queues what it finds; answers how many records. The first read only fetches
 * a token and orders a load; an expired token is fetched anew and orders a recovery. ConflictError: another sweep owns the stream.
 */
export async function followChanges(ports: IngressPorts, mapping: CompiledMapping): Promise<number> {
  const stream = deltaStream(mapping.table.name);
  const checkpoint = await ports.checkpoints.read(flow, stream);
  let etag = checkpoint?.etag;
  let following = checkpoint?.values.phase === "following";
  let link = asText(checkpoint?.values.link);
  let token = Number(checkpoint?.values.token ?? 1);
  let since = asText(checkpoint?.values.since);
  let queued = 0;
  let renewals = 0;

  for (;;) {
    let page: TrackedPage;
    try {
      page = await ports.dynamics.readChanges(mapping, link);
    } catch (error) {
      const expired = error instanceof RefusedError && error.code === expiredLink && link !== undefined;
      // A token that is refused as soon as it was given would be asked for for ever.
      if (!expired || renewals === mostRenewals) throw error;
      renewals += 1;
      if (following) token += 1;
      etag = await ports.checkpoints.save(flow, stream, { phase: "token", token }, etag);
      [link, following, since] = [undefined, false, undefined];
      continue;
    }
    if (following) queued += await queueChanges(ports, mapping, page, link ?? "");
    if (!following && page.delta !== undefined) await orderOnce(ports, mapping, token);
    const at = new Date(ports.clock.now()).toISOString();
    if (!following && page.delta !== undefined) [following, since] = [true, at];
    link = page.delta ?? page.next ?? link;
    etag = await ports.checkpoints.save(
      flow,
      stream,
      { phase: following ? "following" : "token", link: link ?? "", token, at, ...(since !== undefined && { since }) },
      etag,
    );
    if (page.next === undefined && !following) throw new MalformedError(`Dataverse gave no delta link for ${stream}`);
    if (page.next === undefined) return queued;
  }
}

/** The full read that the `token`-th token calls for; a token that is read again after a kill does not order it again. */
async function orderOnce(ports: IngressPorts, { table }: CompiledMapping, token: number): Promise<void> {
  const before = await ports.checkpoints.read(flow, fullReadStream(table.name));
  await orderFullRead(ports, table.name, before ? "recovery" : "load", `token-${token}`);
}

/** Queues the records of a page that the state does not know to be dealt with, changed ones with their rows, read in bulk. */
async function queueChanges(
  ports: IngressPorts,
  mapping: CompiledMapping,
  page: TrackedPage,
  link: string,
): Promise<number> {
  const { version: settings } = await ports.settings.current();
  const news: News = {
    cause: "sweep",
    nonce: `sweep-${createHash("sha256").update(link).digest("hex").slice(0, 16)}`,
    occurredAt: new Date(ports.clock.now()).toISOString(),
    settings,
  };
  const { open, doubtful } = await notDealtWith(ports, mapping, page.changed);

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
  await ports.queue.send(doubtful.map((id) => bareEnvelope(mapping, id, "upsert", news)));
  // A delete is queued even if no state knows the record: its creation may still be waiting in the lane, row included.
  await ports.queue.send(page.deleted.map((id) => bareEnvelope(mapping, id, "delete", news)));
  return open.length + doubtful.length + page.deleted.length;
}

/**
 * `open`: versions that nobody has dealt with. `doubtful`: the state has a newer version than change tracking, because the row was changed since the
 * page was read, or because that version never was (a forged notice, a restored environment). The writer tells them apart with a fresh read.
 */
async function notDealtWith(
  ports: IngressPorts,
  mapping: CompiledMapping,
  changed: TrackedPage["changed"],
): Promise<{ open: RecordId[]; doubtful: RecordId[] }> {
  const { epoch } = await ports.binding();
  const ages = await mapLimit(changed, statesAtOnce, async ({ id, version }) => {
    const state = (await ports.states.read(mapping.table.name, id))?.state;
    if (state?.version === undefined || state.epoch !== epoch) return { id, age: 1 };
    return { id, age: compareVersions(version, state.version) };
  });
  return {
    open: ages.filter(({ age }) => age > 0).map(({ id }) => id),
    doubtful: ages.filter(({ age }) => age < 0).map(({ id }) => id),
  };
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
