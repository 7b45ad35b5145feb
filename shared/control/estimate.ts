// What a load or replay of a table would cost, before it is ordered: records, Campaign calls, hours. Rough, and says what it rests on.

import { z } from "zod";
import { fullReadStream } from "../flows/full-read.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import type { ControlPorts } from "./ports.js";
import { route } from "./route.js";
import { tableParams } from "./shapes.js";
import { mappingOf, replayModes } from "./tables.js";

const modes = ["load", ...replayModes] as const;
type Mode = (typeof modes)[number];

const rangeSchema = z.object({ least: z.number(), most: z.number() });

const estimateSchema = z.object({
  table: z.string(),
  mode: z.enum(modes),
  records: z.object({ count: z.int(), from: z.enum(["dynamics", "last-full-read"]) }).optional(),
  rate: z.object({ callsPerSecond: z.number(), from: z.enum(["this-full-read", "last-full-read", "assumed"]) }),
  campaignCalls: rangeSchema.optional(),
  hours: rangeSchema.optional(),
});

/** A Campaign call takes about this long where nothing better is known, in seconds. */
const assumedCallSeconds = 0.25;
/** Verification reads Campaign in pages of at least this many records. */
const recordsPerRead = 200;

/** The estimate. */
export const estimateRoute = route({
  method: "GET",
  path: "/tables/{table}/estimate",
  summary: "Records, Campaign calls and hours that a load or replay of a table would take",
  description:
    "Records as Dynamics counts them (up to a day old), or as the last full read did; without either there are no calls and hours. The rate is that of the running or last full read that wrote everything, else a quarter of a second a call on every lane. `least`: nothing differs; `most`: everything does.",
  params: tableParams,
  query: z.strictObject({ mode: z.enum(modes).default("changed") }),
  answer: estimateSchema,
  refusals: [404, 502],
  async handle({ ports, params: { table }, query: { mode } }) {
    const mapping = await mappingOf(ports, table);
    if ("refused" in mapping) return mapping;
    const last = (await ports.ingress.checkpoints.read("ingress", fullReadStream(table)))?.values;
    const records = await recordsOf(ports, mapping, last);
    const rate = rateOf(ports, last);
    if (!records) return { table, mode, rate };
    const campaignCalls = callsFor(mode, mapping, records.count);
    const hours = { least: hoursFor(campaignCalls.least, rate), most: hoursFor(campaignCalls.most, rate) };
    return { table, mode, records, rate, campaignCalls, hours };
  },
});

type Estimate = z.output<typeof estimateSchema>;

async function recordsOf(
  ports: ControlPorts,
  mapping: CompiledMapping,
  last: Checkpoint["values"] | undefined,
): Promise<Estimate["records"]> {
  const counted = await ports.countRows(mapping);
  if (counted !== undefined) return { count: counted, from: "dynamics" };
  if (last?.phase !== "done" || last.cancelled === true) return undefined;
  return { count: Number(last.count), from: "last-full-read" };
}

/** A load and a forced replay write each record, so that their pace is that of Campaign; the others' says nothing. */
function rateOf({ ingress, lanes }: ControlPorts, last: Checkpoint["values"] | undefined): Estimate["rate"] {
  const isMeasured = last && (last.mode === undefined || last.mode === "load" || last.mode === "force");
  const count = Number(last?.count ?? 0);
  if (isMeasured && count > 0) {
    const ended = last.finishedAt === undefined ? ingress.clock.now() : Date.parse(String(last.finishedAt));
    const seconds = (ended - Date.parse(String(last.startedAt))) / 1000;
    const callsPerSecond = seconds > 0 ? round(count / seconds) : 0;
    if (callsPerSecond > 0) {
      return { callsPerSecond, from: last.phase === "done" ? "last-full-read" : "this-full-read" };
    }
  }
  return { callsPerSecond: lanes / assumedCallSeconds, from: "assumed" };
}

/** An update through a filter asks for the record's address first. */
function callsFor(mode: Mode, { key }: CompiledMapping, records: number): { least: number; most: number } {
  const perWrite = key.address.by === "uri" ? 1 : 2;
  const reads = Math.ceil(records / recordsPerRead);
  switch (mode) {
    case "load":
    case "force":
      return { least: records, most: records * perWrite };
    case "changed":
      return { least: 0, most: records * perWrite };
    case "verify":
      return { least: reads, most: reads + records * perWrite };
    case "report":
      return { least: reads, most: reads };
  }
}

function hoursFor(calls: number, { callsPerSecond }: Estimate["rate"]): number {
  return Math.ceil((calls / callsPerSecond / 3600) * 100) / 100;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
