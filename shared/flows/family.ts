// Parents before children, whatever arrives first (design.md §3, Write, step 5): which parents a record has to wait for or go without, and who is
// told when a parent comes or goes. A child registers with a parent before it looks at it, a parent changes its state before it looks for
// children: whoever comes second sees the other.

import type { CompiledMapping } from "../mapping/compile.js";
import type { Parent } from "../mapping/parents.js";
import type { Envelope } from "../model/envelope.js";
import { parseRecordId } from "../model/ids.js";
import type { Row } from "../model/row.js";
import type { RecordRef } from "../storage/child-links.js";
import type { SyncState } from "../storage/sync-state.js";
import type { SettingsInForce } from "./ports.js";
import type { Job } from "./record-job.js";
import { bareEnvelope } from "./sweep-envelopes.js";

/**
 * What a record's parents allow. `ready`: write it, with the links in `without` empty. `withheld`: not without a parent that it has none of, or that a
 * filter, or its deletion, keeps out. `waiting`: for this parent, `failing` if that one could not be written itself.
 */
export type Family =
  | { verdict: "ready"; without: readonly Parent[]; linked: readonly Parent[] }
  | { verdict: "withheld" }
  | { verdict: "waiting"; parent: RecordRef; failing: boolean };

/** Somebody who waits for a parent has it queued at most so often. */
const askEveryMs = 5 * 60_000;
const releaseBatch = 100;

/** Looks at every parent the row must not be written without. Registers the record as its child first. */
export async function lookAtParents(job: Job, row: Row): Promise<Family> {
  const { ports, self, mapping, state } = job;
  if (mapping.lacksParent(row)) return { verdict: "withheld" };
  const parents = mapping.parents(row).filter(({ mustExist }) => mustExist);
  const known = new Set(state.parents ?? []);
  for (const parent of parents) if (!known.has(keyOf(parent))) await ports.links.put(parent, self, true);

  const without: Parent[] = [];
  let waiting: { parent: Parent; failing: boolean } | undefined;
  for (const parent of parents) {
    const found = (await ports.states.read(parent.table, parent.id))?.state;
    const standing = standingOf(found, job.binding.epoch);
    if (standing === "here") continue;
    if (standing === "coming") waiting ??= { parent, failing: found?.failing === true };
    else if (parent.whenFilteredOut === "withheld") return { verdict: "withheld" };
    else without.push(parent);
  }
  if (!waiting) {
    return { verdict: "ready", without, linked: parents.filter((parent) => !without.includes(parent)) };
  }
  const { parent, failing } = waiting;
  if (!failing) await askFor(job, parent);
  return { verdict: "waiting", parent: { table: parent.table, id: parent.id }, failing };
}

/** Is the parent in Campaign to stay, kept out of it, or not there yet? A tombstone that Campaign still holds was left there on purpose. */
export function standingOf(state: SyncState | undefined, epoch: number): "here" | "out" | "coming" {
  if (!state || state.epoch !== epoch) return "coming";
  if (state.out) return "out";
  if (state.intent) return state.present && state.intent.kind === "write" ? "here" : "coming";
  if (state.present) return "here";
  return state.tombstone === undefined ? "coming" : "out";
}

async function askFor({ ports, settings }: Job, { table, id }: Parent): Promise<void> {
  if (!(await ports.links.shouldAsk({ table, id }, askEveryMs))) return;
  const now = ports.clock.now();
  const asked = `asked-${Math.floor(now / askEveryMs)}`;
  const occurredAt = new Date(now).toISOString();
  const news = { cause: "parent", occurredAt, settings: settings.version, nonce: asked } as const;
  await ports.queue.send([bareEnvelope(table, id, "upsert", news)]);
}

/** `<table>/<id>` of a record, as a state keeps it. */
export function keyOf({ table, id }: RecordRef): string {
  return `${table}/${id}`;
}

/**
 * Brings the register in line with what was written: unlinked parents are only listened to, former ones no longer. To be called after the
 * state is saved: a row too many is harmless, one too few is not.
 */
export async function tidyLinks(job: Job, linked: readonly RecordRef[], unlinked: readonly RecordRef[]): Promise<void> {
  const { ports, self, envelope, state } = job;
  for (const parent of unlinked) await ports.links.put(parent, self, false);
  const kept = new Set([...linked, ...unlinked].map(keyOf));
  const former = new Set([...(state.parents ?? []), ...(envelope.parent ? [keyOf(envelope.parent)] : [])]);
  for (const key of former) if (!kept.has(key)) await ports.links.remove(parseKey(key), self);
}

function parseKey(key: string): RecordRef {
  const [table = "", id = ""] = key.split("/");
  return { table, id: parseRecordId(id) };
}

/** Do records of any mapping in force wait for records of this table? */
export function hasChildren({ mappings }: SettingsInForce, { table }: CompiledMapping): boolean {
  return [...mappings.values()].some(({ waitsFor }) => waitsFor.includes(table.name));
}

/** Has the record children that are registered, or linked in Campaign? Answers whether there was any. */
export async function hasRegistered({ ports, self }: Job, which: "any" | "linked"): Promise<boolean> {
  for await (const { linked } of ports.links.of(self)) if (which === "any" || linked) return true;
  return false;
}

/** Queues every registered child for another look. */
export async function tellChildren({ ports, self, settings, envelope, state }: Job): Promise<void> {
  const now = ports.clock.now();
  const news = {
    cause: "parent",
    parent: self,
    occurredAt: new Date(now).toISOString(),
    correlationId: envelope.correlationId,
    nonce: `parent-${state.version ?? 0}-${now}`,
    settings: settings.version,
  } as const;
  let batch: Envelope[] = [];
  for await (const { child } of ports.links.of(self)) {
    batch.push(bareEnvelope(child.table, child.id, "upsert", news));
    if (batch.length === releaseBatch) {
      await ports.queue.send(batch);
      batch = [];
    }
  }
  if (batch.length > 0) await ports.queue.send(batch);
}
