// What a back-fill would take, from the rows of its period. Pure; counting is flows/backfill-count.ts.

import { z } from "zod";
import type { PeriodCount } from "../flows/backfill-count.js";
import type { Backfill } from "../flows/backfill-order.js";
import { type EventType, eventTypes } from "../model/email-event.js";
import { instant } from "./shapes.js";

/**
 * Bytes an activity takes in the database of Dynamics, with its indexes. An assumption: Microsoft says where activities are kept (a row in the table of all
 * activities, one in its own, parties for owner and contact), and nobody how much that is.
 */
export const assumedBytes = 4_000;

/** Creating and completing: two operations of the hundred in a request. */
const activitiesPerRequest = 50;
/** A hundred operations in a batch take this long in Microsoft's samples (facts/dataverse.md §7), in seconds. */
const assumedRequestSeconds = 4;

/** The answer to an operator who asks. `orMore` is about everything that rests on `rows`. */
export const estimateSchema = z.object({
  from: instant,
  to: instant,
  types: z.array(z.enum(eventTypes)),
  oldestRow: instant.optional(),
  rows: z.int(),
  orMore: z.boolean(),
  by: z.enum(["count", "reading"]),
  split: z.object({
    exact: z.boolean(),
    types: z.object(Object.fromEntries(eventTypes.map((type) => [type, z.int()]))),
    skipped: z.record(z.string(), z.int()),
  }),
  activities: z.int(),
  tasks: z.literal(0),
  storage: z.object({ gigabytes: z.number(), bytesPerActivity: z.int(), from: z.enum(["assumed", "request"]) }),
  requests: z.object({ campaign: z.int(), dynamics: z.int() }),
  pace: z.object({ rowsPerSecond: z.number(), from: z.enum(["back-fill", "assumed"]) }),
  hours: z.number(),
});

type Estimate = z.output<typeof estimateSchema>;

/** What the estimate rests on besides the count. */
export interface EstimateBasis {
  types: readonly EventType[];
  bytesPerActivity: number;
  pageSize: number;
  pace: Estimate["pace"];
}

/** The pace of the last back-fill that wrote something worth measuring, else that of Microsoft's samples. */
export function paceOf(backfills: readonly Backfill[], parallel: number): Estimate["pace"] {
  const measured = backfills.find(({ sums, busyMs }) => sums.written >= worthMeasuring && busyMs > 0);
  if (!measured) return { rowsPerSecond: (parallel * activitiesPerRequest) / assumedRequestSeconds, from: "assumed" };
  return { rowsPerSecond: round((measured.sums.rows / measured.busyMs) * 1_000, 1), from: "back-fill" };
}

const worthMeasuring = 1_000;

/** Rows to activities, gigabytes, requests and hours. */
export function estimateBackfill(
  count: PeriodCount,
  { types, bytesPerActivity, pageSize, pace }: EstimateBasis,
): Omit<Estimate, "from" | "to" | "types"> {
  const { rows, split } = count;
  const activities = types.reduce((sum, type) => sum + split.types[type], 0);
  const pages = Math.ceil(rows / pageSize);
  // Of each page: its contacts, what exists of each type, and the batches.
  const dynamics = pages * (1 + types.length) + Math.ceil(activities / activitiesPerRequest);
  return {
    ...count,
    activities,
    tasks: 0,
    storage: {
      gigabytes: round((activities * bytesPerActivity) / 1e9, 3),
      bytesPerActivity,
      from: bytesPerActivity === assumedBytes ? "assumed" : "request",
    },
    requests: { campaign: pages, dynamics },
    pace,
    hours: round(rows / pace.rowsPerSecond / 3_600, 2),
  };
}

function round(value: number, places: number): number {
  return Math.ceil(value * 10 ** places) / 10 ** places;
}
