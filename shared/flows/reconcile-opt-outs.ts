// A slice of an ordered reconciliation (design.md §5): reads the opt-outs that both sides hold in bulk, asks the lane's own rules what would become of every
// difference, and lists it. Remembers nothing and writes nothing else. Comparing is compare-opt-outs.ts, ordering reconcile-order.ts, acting on the list
// reconcile-words.ts.
//
// One step at a time, each saved: a kill repeats a step, which keeps the same differences again. A page of Campaign is what is in memory.

import type { SyncError } from "../errors.js";
import { type CompiledMapping, isMergedAway } from "../mapping/compile.js";
import type { RecordId } from "../model/ids.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import { grownSums, sumOf } from "./checkpoint-sums.js";
import { compareOptOuts } from "./compare-opt-outs.js";
import { maxIdsPerRead, type VersionedRow } from "./ports.js";
import {
  cursorAt,
  differenceSum,
  placeAt,
  type Reconciliation,
  reconciliationPlace,
  reconciliationSums,
  toReconciliation,
} from "./reconcile-order.js";
import { mappingOfPlan } from "./reconcile-plan.js";
import type { OptOutDifference, ReconcilePorts } from "./reconcile-ports.js";
import { ownSpelling } from "./verify-campaign.js";
import { ended, workInSteps } from "./work-in-steps.js";

/** `pageSize`: profiles a call. `rowPage`: contacts a call where they are only counted. `retryMs`: pause after an error. */
export interface ReconcilePace {
  pageSize: number;
  rowPage: number;
  retryMs: number;
}

/** What one slice did. `idle`: nothing is ordered, or it is not time yet. */
export type ReconcileSlice = { state: "idle" } | { state: "working" | "waiting" | "done"; run: Reconciliation };

type Values = Checkpoint["values"];

/** One step of a run. */
interface Step {
  ports: ReconcilePorts;
  pace: ReconcilePace;
  mapping: CompiledMapping;
  values: Values;
}

/** Lists of so many runs are kept, the one under way included. */
const runsKept = 3;
const countedPerStep = 5_000;
const clearingMs = 10_000;
/** A link of Campaign's may have grown old: so often the reading begins anew. */
const mostRestarts = 2;

/**
 * Goes on with the run that is ordered until it is done, `deadline` (epoch ms), a gate or an operator's stop. Killed anywhere the next slice goes on from the last whole
 * step. ConflictError: it was cancelled, or another slice is faster.
 */
export async function reconcileSlice(
  ports: ReconcilePorts,
  pace: ReconcilePace,
  deadline: number,
): Promise<ReconcileSlice> {
  const sliced = await workInSteps(
    ports,
    {
      place: reconciliationPlace,
      retryMs: pace.retryMs,
      callsPeers: ({ phase }) => phase === "profiles" || phase === "contacts",
      step: (values) => {
        const mapping = mappingOfPlan(toReconciliation(values).plan);
        return nextStep({ ports, pace, mapping, values });
      },
      afterError: startOver,
    },
    deadline,
  );
  return sliced.state === "idle" ? sliced : { state: sliced.state, run: toReconciliation(sliced.values) };
}

async function nextStep(slice: Step): Promise<Values> {
  const { ports, values } = slice;
  const number = Number(values.number);
  switch (values.phase) {
    case "clearing": {
      const isDone = await ports.differences.purge(number - runsKept + 1, ports.clock.now() + clearingMs);
      return isDone ? { ...values, phase: "profiles" } : values;
    }
    case "profiles":
      return readProfiles(slice);
    case "contacts":
      return countContacts(slice);
    default:
      return countDifferences(slice);
  }
}

/** The next page of Campaign's profiles, compared with their contacts. */
async function readProfiles({ ports, pace, mapping, values }: Step): Promise<Values> {
  const deadline = ports.clock.now() + ports.campaignBudgetMs;
  const { profiles, withoutKey, malformed, missing, next } = await ports.pages.readPage(
    mapping,
    cursorOf(values),
    pace.pageSize,
    deadline,
  );
  await ports.gates.fine("campaign");
  const own = new Map(
    profiles.flatMap(({ key, optOuts }) => {
      const id = ownSpelling(key);
      return id ? [[id, optOuts] as const] : [];
    }),
  );
  const rows = await contactsOf(ports, mapping, [...own.keys()]);
  const found = await compareOptOuts(ports, mapping, rows, own);
  await ports.differences.keep(Number(values.number), found);

  const { cursor: _cursor, ...rest } = values;
  const foreign = profiles.filter(({ key }) => ownSpelling(key) === undefined).length;
  const counts = {
    profiles: profiles.length + withoutKey + malformed,
    compared: rows.length,
    withoutKey,
    foreign,
    malformed,
    withoutContact: profiles.length - foreign - rows.length,
    ...bySum(found),
  };
  return {
    ...rest,
    ...grownSums(values, counts),
    ...(missing.length > 0 && { missing: missing.join(",") }),
    ...(next === undefined ? { phase: "contacts" } : { cursor: next }),
  };
}

/** Contacts that are there, and have not lost a merge. */
async function contactsOf(
  ports: ReconcilePorts,
  mapping: CompiledMapping,
  ids: readonly RecordId[],
): Promise<VersionedRow[]> {
  const rows: VersionedRow[] = [];
  for (let start = 0; start < ids.length; start += maxIdsPerRead) {
    rows.push(...(await ports.dynamics.fetchRows(mapping, ids.slice(start, start + maxIdsPerRead))));
  }
  await ports.gates.fine("dynamics");
  return rows.filter(({ row }) => !isMergedAway(row));
}

/** Contacts, counted: those that no profile belongs to are the rest. */
async function countContacts({ ports, pace, mapping, values }: Step): Promise<Values> {
  const { rows, next } = await ports.dynamics.readPage(mapping, cursorOf(values), pace.rowPage);
  await ports.gates.fine("dynamics");
  const contacts = rows.filter(({ row }) => !isMergedAway(row)).length;
  const { cursor: _cursor, ...rest } = values;
  const counted = { ...rest, ...grownSums(values, { contacts }) };
  return next === undefined ? { ...withoutDifferences(counted), phase: "counting" } : { ...counted, cursor: next };
}

/** What was found is counted where it lies: a page that was read twice, after a kill or because Campaign showed a profile twice, is in it once. */
async function countDifferences({ ports, values }: Step): Promise<Values> {
  const after = placeAt(values.cursor);
  const found: OptOutDifference[] = [];
  let last = after;
  for await (const { place, difference } of ports.differences.list(Number(values.number), {}, after)) {
    found.push(difference);
    last = place;
    if (found.length === countedPerStep) break;
  }
  const counted = { ...values, ...grownSums(values, bySum(found)) };
  if (found.length === countedPerStep && last) return { ...counted, cursor: cursorAt(last) };
  return ended(counted, ports.clock.now(), false);
}

function bySum(found: readonly OptOutDifference[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind, attribute } of found) {
    const name = differenceSum(kind, attribute);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function withoutDifferences(values: Values): Values {
  const kept = new Set<string>(reconciliationSums.map(sumOf));
  return Object.fromEntries(Object.entries(values).filter(([name]) => !name.startsWith(sumOf("")) || kept.has(name)));
}

function cursorOf({ cursor }: Values): string | undefined {
  return cursor === undefined ? undefined : String(cursor);
}

/** What cannot be read on, maybe because a link has grown old, is read from the start, as often as that may help. */
function startOver(values: Values, error: SyncError): Values {
  const restarts = Number(values.restarts ?? 0);
  const isPassing = ["auth", "throttled", "unavailable", "binding"].includes(error.kind);
  const isReading = values.phase === "profiles" || values.phase === "contacts";
  if (isPassing || values.cursor === undefined || !isReading || restarts === mostRestarts) return values;
  const { cursor: _cursor, ...rest } = values;
  const counted = values.phase === "contacts" ? sumOf("contacts") : sumOf("");
  const kept = Object.entries(rest).filter(([name]) => !name.startsWith(counted));
  return { ...Object.fromEntries(kept), restarts: restarts + 1 };
}
