// Back-filling e-mail events: the count before, the order, how far it is, its end. What the count makes of rows is backfill-estimate.ts.

import { z } from "zod";
import { countPeriod, countRows } from "../flows/backfill-count.js";
import {
  type Backfill,
  backfillSums,
  cancelBackfill,
  earlierBackfills,
  orderBackfill,
  type Period,
  readBackfill,
} from "../flows/backfill-order.js";
import { pulledSince } from "../flows/pull-events.js";
import { type EventType, eventTypes } from "../model/email-event.js";
import { type Refusal, refuse } from "./answer.js";
import { assumedBytes, estimateBackfill, estimateSchema, paceOf } from "./backfill-estimate.js";
import type { Backfilling, ControlPorts } from "./ports.js";
import { route } from "./route.js";
import { instant, nothing } from "./shapes.js";

const types = z
  .array(z.enum(eventTypes))
  .min(1)
  .transform((all) => [...new Set(all)]);
const moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString());
const periodFields = { from: moment, to: moment.optional(), types };

const backfillSchema = z
  .object({
    number: z.int(),
    phase: z.enum(["reading", "done"]),
    cancelled: z.boolean(),
    from: instant,
    to: instant,
    types: z.array(z.enum(eventTypes)),
    by: z.string(),
    reached: instant,
    percent: z.number(),
    expectedRows: z.int(),
    counts: z.object(Object.fromEntries(backfillSums.map((name) => [name, z.int()]))),
    skipped: z.record(z.string(), z.int()),
    rowsPerSecond: z.number().optional(),
    startedAt: instant,
    lastPageAt: instant.optional(),
    finishedAt: instant.optional(),
    estimatedEnd: instant.optional(),
    waiting: z.string().optional(),
  })
  .meta({ id: "Backfill" });

/** Back-fills. */
export const backfillRoutes = [
  route({
    method: "GET",
    path: "/egress/backfill",
    summary: "The last or running back-fill of e-mail events, and those before it",
    description:
      "`reached`: everything that changed before has been read; `percent` is that within the period. Of the `counts`, `rows` is the sum of `written`, `existed` (in Dynamics already), `known` (dealt with before, or read twice), `noContact`, `refused` (see the failures), `off` (of other types) and `skipped`. `rowsPerSecond` is measured at work, without pauses; `estimatedEnd` with them. `waiting`: why it stands still at the moment.",
    params: nothing,
    query: nothing,
    answer: z.object({ backfill: backfillSchema.optional(), earlier: z.array(backfillSchema) }),
    async handle({ ports: { ingress } }) {
      const [last, earlier] = await Promise.all([
        readBackfill(ingress.checkpoints),
        earlierBackfills(ingress.checkpoints),
      ]);
      const now = ingress.clock.now();
      return { ...(last && { backfill: toView(last, now) }), earlier: earlier.map((one) => toView(one, now)) };
    },
  }),
  route({
    method: "POST",
    path: "/egress/backfill/estimate",
    summary: "Rows, activities, gigabytes, requests and hours of a back-fill; nothing is ordered",
    description:
      "`from` and `to` are moments of the rows' last change in Campaign, `to` excluded; without `to` history ends where the pull of fresh events began. Rows as Campaign counts them, else as they are read, to a bound (`orMore`). What they are is exact for some 2,000 rows, else taken from a page of each of thirteen parts of the period. No published figure says how much an activity takes in Dynamics: `bytesPerActivity` is an assumption, and may be given. `activities` is the most there can be: events whose contact is gone or that are there already bring none.",
    params: nothing,
    query: nothing,
    body: z.strictObject({ ...periodFields, bytesPerActivity: z.int().min(1).max(1_000_000).default(assumedBytes) }),
    answer: estimateSchema,
    refusals: [409, 502],
    isLong: true,
    async handle({ ports, body: { bytesPerActivity, ...asked } }) {
      const ready = await readyFor(ports, asked);
      if ("refused" in ready) return ready;
      const { backfilling, period } = ready;
      const { source, checkpoints } = backfilling.ports;
      const count = await countPeriod(source, period);
      const all = [await readBackfill(checkpoints), ...(await earlierBackfills(checkpoints))];
      const pace = paceOf(
        all.filter((one) => one !== undefined),
        backfilling.parallel,
      );
      return {
        ...period,
        types: asked.types,
        ...estimateBackfill(count, { types: asked.types, bytesPerActivity, pageSize: backfilling.pace.pageSize, pace }),
      };
    },
  }),
  route({
    method: "POST",
    path: "/egress/backfill",
    summary: "Orders a back-fill of e-mail events; it starts within seconds and never brings follow-up tasks",
    description:
      "`confirm` says how many rows are expected, as `POST /egress/backfill/estimate` answered them (`orMore`, where that says so): with notably more it is refused, 409 `more-rows`. Only types that are switched on. 409 `conflict` while one is under way, with how far that one is.",
    params: nothing,
    query: nothing,
    body: z.strictObject({
      ...periodFields,
      confirm: z.strictObject({ rows: z.int().min(0), orMore: z.boolean().default(false) }),
    }),
    status: 202,
    answer: backfillSchema,
    refusals: [409, 502],
    isLong: true,
    async handle({ ports, operator, body: { confirm, ...asked } }) {
      const ready = await readyFor(ports, asked);
      if ("refused" in ready) return ready;
      const { backfilling, period } = ready;
      const count = await countRows(backfilling.ports.source, period);
      const isConfirmed = count.rows <= confirm.rows * growth + 100 && (confirm.orMore || !count.orMore);
      if (!isConfirmed) {
        const rows = `${count.orMore ? "at least " : ""}${count.rows}`;
        const advice = count.orMore ? ', and "orMore": true' : "";
        return refuse(409, "more-rows", `the period has ${rows} rows, not ${confirm.rows}: confirm that many${advice}`);
      }
      const order = { ...period, types: asked.types, expected: count.rows, by: operator };
      return toView(await orderBackfill(backfilling.ports, order), backfilling.ports.clock.now());
    },
  }),
  route({
    method: "DELETE",
    path: "/egress/backfill",
    summary: "Ends the back-fill that is under way, with the page in hand; what it wrote stays",
    description: "An order from its `reached` brings the rest.",
    params: nothing,
    query: nothing,
    answer: z.object({ wasRunning: z.boolean() }),
    refusals: [409],
    async handle({ ports: { ingress } }) {
      return { wasRunning: await cancelBackfill(ingress) };
    },
  }),
];

/** Rows that come or change between the count and the order are no surprise. */
const growth = 1.05;

interface Asked {
  from: string;
  to?: string | undefined;
  types: readonly EventType[];
}

/** What a back-fill of this period needs, or why there can be none. */
async function readyFor(
  { backfill }: ControlPorts,
  { from, to, types: wanted }: Asked,
): Promise<{ backfilling: Backfilling; period: Period } | Refusal> {
  if (!backfill) {
    const message = "there is no history to bring: EGRESS_TYPES names no type, or events come from files";
    return refuse(409, "no-history", message);
  }
  const { ports } = backfill;
  const { types: on } = await ports.settings();
  const off = wanted.filter((type) => !on.has(type));
  if (off.length > 0) {
    const message = `events of type ${off.join(", ")} are off: make their tables and switch them on first (EGRESS_TYPES)`;
    return refuse(409, "type-off", message);
  }
  const now = new Date(ports.clock.now()).toISOString();
  const end = to ?? (await pulledSince(ports, wanted)) ?? now;
  if (end > now || from >= end) {
    const problem = end > now ? "lies in the future" : `is not after from, ${from}`;
    const fix = "give a moment after from, and not after now";
    return refuse(400, "invalid-request", "the request is not right", [{ path: "body.to", problem, fix }]);
  }
  return { backfilling: backfill, period: { from, to: end } };
}

function toView(backfill: Backfill, now: number): z.output<typeof backfillSchema> {
  const { expected, busyMs, at, sums, types: ordered, ...rest } = backfill;
  const [from, to, reached] = [Date.parse(rest.from), Date.parse(rest.to), Date.parse(rest.reached)];
  const share = Math.min(1, Math.max(0, (reached - from) / (to - from)));
  const left = sums.rows > 0 && expected > sums.rows ? (expected - sums.rows) / sums.rows : (1 - share) / share;
  const isUnderWay = backfill.phase === "reading" && sums.rows > 0 && Number.isFinite(left);
  const elapsed = now - Date.parse(backfill.startedAt);
  return {
    ...rest,
    counts: sums,
    types: [...ordered],
    percent: Math.floor(share * 1_000) / 10,
    expectedRows: expected,
    ...(busyMs > 0 && { rowsPerSecond: Math.round((sums.rows / busyMs) * 10_000) / 10 }),
    ...(at !== undefined && { lastPageAt: at }),
    ...(isUnderWay && { estimatedEnd: new Date(now + elapsed * left).toISOString() }),
  };
}
