// Everything known of one record: where it is, what its state says, what it waits for, what failed. Ids, versions and times; no person's data.

import { z } from "zod";
import { MissingError, safeMessage } from "../errors.js";
import { standingOf } from "../flows/family.js";
import type { CompiledMapping } from "../mapping/compile.js";
import { compareVersions, type RecordId, type RowVersion } from "../model/ids.js";
import { bucketOf, laneOf } from "../model/lane.js";
import type { SyncState } from "../storage/sync-state.js";
import { failureSchema, toFailureView } from "./failure-view.js";
import type { ControlPorts } from "./ports.js";
import { route } from "./route.js";
import { instant, nothing, recordParams } from "./shapes.js";

const stateSchema = z.object({
  version: z.string().optional(),
  settings: z.int(),
  epoch: z.int(),
  present: z.boolean(),
  tombstone: instant.optional(),
  writtenAt: instant.optional(),
  filteredOut: z.boolean(),
  failing: z.boolean(),
  announced: z.object({ kind: z.enum(["write", "delete"]), until: instant }).optional(),
  parents: z.array(z.string()),
  heard: z.object({ cause: z.string(), at: z.string(), correlationId: z.string() }).optional(),
});

const dynamicsSchema = z.object({
  exists: z.boolean().optional(),
  version: z.string().optional(),
  problem: z.string().optional(),
});

const parentSchema = z.object({ table: z.string(), id: z.string(), standing: z.enum(["here", "out", "coming"]) });

const recordSchema = z.object({
  table: z.string(),
  id: z.string(),
  lane: z.string(),
  bucket: z.int(),
  laneWaiting: z.int(),
  mapped: z.boolean(),
  parked: z.string().optional(),
  state: stateSchema.optional(),
  dynamics: dynamicsSchema.optional(),
  upToDate: z.boolean().optional(),
  parents: z.array(parentSchema),
  failure: failureSchema.optional(),
});
/** One record, as an operator sees it. */
export type RecordView = z.output<typeof recordSchema>;

/** One record. */
export const recordRoute = route({
  method: "GET",
  path: "/records/{table}/{id}",
  summary: "Where one record is now: lane, state, row in Dynamics, parents, failure",
  description:
    "`upToDate`: Campaign has been brought to the version that Dynamics holds, under any settings. `parents`: the records it must not be written without; it waits for those that are `coming`. `laneWaiting`: messages before and behind it in its lane, up to 2,000.",
  params: recordParams,
  query: nothing,
  answer: recordSchema,
  handle: ({ ports, params: { table, id } }) => readRecord(ports, table, id),
});

/** Everything known of one record; also what `npm run inspect` shows. */
export async function readRecord(ports: ControlPorts, table: string, id: RecordId): Promise<RecordView> {
  const { ingress } = ports;
  const lane = laneOf(table, id, ports.lanes);
  const [{ mappings }, { parked }, stored, failure, depths] = await Promise.all([
    ingress.settings.current(),
    ports.control.current(),
    ingress.states.read(table, id),
    ports.failures.read(table, id),
    ingress.queue.depths(mostCounted),
  ]);
  const mapping = mappings.get(table);
  const row = mapping ? await lookAtRow(ports, mapping, id) : undefined;
  const reason = parked.get(table);
  return {
    table,
    id,
    lane,
    bucket: bucketOf(table, id),
    laneWaiting: depths.get(lane) ?? 0,
    mapped: mapping !== undefined,
    ...(reason !== undefined && { parked: reason }),
    ...(stored && { state: toStateView(stored.state) }),
    ...(row && { dynamics: row.dynamics }),
    ...upToDate(stored?.state, row?.dynamics),
    parents: row?.parents ?? [],
    ...(failure && { failure: toFailureView(failure) }),
  };
}

const mostCounted = 2_000;

interface Looked {
  dynamics: z.output<typeof dynamicsSchema>;
  parents: z.output<typeof parentSchema>[];
}

/** That Dynamics cannot be asked is part of the answer: the rest is worth knowing then, too. */
async function lookAtRow({ ingress }: ControlPorts, mapping: CompiledMapping, id: RecordId): Promise<Looked> {
  try {
    const { version, row } = await ingress.dynamics.fetchRow(mapping, id);
    const { epoch } = await ingress.binding();
    const needed = mapping.parents(row).filter(({ mustExist }) => mustExist);
    const parents = await Promise.all(
      needed.map(async (parent) => {
        const state = (await ingress.states.read(parent.table, parent.id))?.state;
        return { table: parent.table, id: parent.id, standing: standingOf(state, epoch) };
      }),
    );
    return { dynamics: { exists: true, version }, parents };
  } catch (error) {
    if (error instanceof MissingError) return { dynamics: { exists: false }, parents: [] };
    return { dynamics: { problem: safeMessage(error) }, parents: [] };
  }
}

function upToDate(state: SyncState | undefined, dynamics: Looked["dynamics"] | undefined): { upToDate?: boolean } {
  if (dynamics?.version === undefined) return {};
  if (state?.version === undefined || state.intent) return { upToDate: false };
  return { upToDate: compareVersions(state.version, dynamics.version as RowVersion) >= 0 };
}

function toStateView(state: SyncState): z.output<typeof stateSchema> {
  const { version, settings, epoch, present, tombstone, writtenAt, intent, out, failing, parents, heard } = state;
  return {
    ...(version !== undefined && { version }),
    settings,
    epoch,
    present,
    ...(tombstone !== undefined && { tombstone }),
    ...(writtenAt !== undefined && { writtenAt: new Date(writtenAt).toISOString() }),
    filteredOut: out === true,
    failing: failing === true,
    ...(intent && { announced: { kind: intent.kind, until: new Date(intent.until).toISOString() } }),
    parents: [...(parents ?? [])],
    ...(heard && { heard: { ...heard } }),
  };
}
