// Silence is not health (design.md §4): looks now and then whether e-mail events can come, and remembers since when what is wrong. Flow `egress`, stream
// `checks`. What to ask and what to make of it: campaign/event-watch.ts and event-checks.ts.

import { z } from "zod";
import type { Checkpoint, CheckpointStore } from "../storage/checkpoints.js";
import { sumsOf } from "./checkpoint-sums.js";
import type { EventCheckPorts, EventFinding, EventsKnown } from "./egress-ports.js";
import { pullSums, readPull } from "./pull-events.js";
import { asRun } from "./run-notes.js";
import { type Stand, type Standing, stand } from "./standing.js";

/** What is wrong, and since when (ISO) that is known. */
export type StandingFinding = Standing<EventFinding>;

/** What a check found. `news`: for the first time; `ended`: what is no more. */
export type Checked = Stand<EventFinding>;

const [flow, stream] = ["egress", "checks"];
/** Shares of fewer rows say nothing: so many are counted before they are judged, and these shares hold until as many more have come. */
const windowRows = 100;
/** A period that is lost stays lost; so long an operator is told. */
const lostShownMs = 7 * 24 * 60 * 60_000;

/** Looks once, as a run of this id; undefined: no type is on, or an operator stopped the flow. ConflictError: somebody else looks. */
export async function checkEventsNow(ports: EventCheckPorts, id: string): Promise<Checked | undefined> {
  const { checkpoints, clock } = ports;
  const { types } = await ports.settings();
  if (types.size === 0 || (await ports.stopped()) !== undefined) return undefined;
  const before = await checkpoints.read(flow, stream);
  const pulled = await readPull(checkpoints);
  const window = windowOf(before?.values ?? {}, pulled);
  const found = await asRun(ports, id, false, () => ports.ask(toKnown(pulled, window.last, clock.now())));

  const now = new Date(clock.now()).toISOString();
  const checked = stand(found, toFindings(before?.values), now);
  const values = { at: now, findings: JSON.stringify(checked.findings), window: JSON.stringify(window) };
  await checkpoints.save(flow, stream, values, before?.etag);
  return checked;
}

/** What the last check found, and when (ISO) that was; without `at` nobody has looked. */
export async function readFindings(
  checkpoints: CheckpointStore,
): Promise<{ at?: string; findings: readonly StandingFinding[] }> {
  const values = (await checkpoints.read(flow, stream))?.values;
  return { ...(values && { at: String(values.at) }), findings: toFindings(values) };
}

function toFindings(values: Checkpoint["values"] | undefined): StandingFinding[] {
  return values === undefined ? [] : (JSON.parse(String(values.findings)) as StandingFinding[]);
}

type Counts = NonNullable<EventsKnown["counts"]>;
const countsSchema = z.object({ events: z.number(), noKey: z.number(), malformed: z.number() });
const windowSchema = z.object({ from: countsSchema, last: countsSchema.optional() });

/** Counts of the last full window, and where the one under way began. */
function windowOf({ window }: Checkpoint["values"], pulled: Checkpoint["values"]): z.infer<typeof windowSchema> {
  const now = countsOf(pulled);
  if (window === undefined) return { from: now };
  const { from, last } = windowSchema.parse(JSON.parse(String(window)));
  const grown = {
    events: now.events - from.events,
    noKey: now.noKey - from.noKey,
    malformed: now.malformed - from.malformed,
  };
  const isFull = grown.events + grown.noKey + grown.malformed >= windowRows;
  return isFull ? { from: now, last: grown } : { from, ...(last && { last }) };
}

function countsOf(pulled: Checkpoint["values"]): Counts {
  const { sums, others } = sumsOf(pulled, pullSums);
  return {
    events: Object.values(sums).reduce((all, count) => all + count, 0),
    noKey: others["no-key"] ?? 0,
    malformed: others.malformed ?? 0,
  };
}

function toKnown(
  { since, caughtUpAt, lostFrom, lostTo, lostAt }: Checkpoint["values"],
  counts: Counts | undefined,
  now: number,
): EventsKnown {
  const isLost = lostAt !== undefined && now - Date.parse(String(lostAt)) < lostShownMs;
  return {
    ...(since !== undefined && { since: String(since) }),
    ...(caughtUpAt !== undefined && { caughtUpAt: String(caughtUpAt) }),
    ...(counts && { counts }),
    ...(isLost && { lost: { from: String(lostFrom), to: String(lostTo) } }),
  };
}
