// One run of the monitor: look, judge, remember. Flow `monitor`, stream `alarms`. What it remembers is all the status and health need to name an alarm.

import { z } from "zod";
import type { Checkpoint, CheckpointStore } from "../storage/checkpoints.js";
import { type Alarm, alarmKinds } from "./alarms.js";
import { type Gauge, toGauges } from "./gauges.js";
import { judge } from "./judge.js";
import { type Counted, measure } from "./measure.js";
import type { MonitorPorts } from "./monitor-ports.js";
import { secretAlarms } from "./secret-expiry.js";
import { type Stand, type Standing, stand } from "./standing.js";

/** An alarm that stands, with what to do about it. */
export type StandingAlarm = Standing<Alarm> & { level: "error" | "warn"; fix: string };

/** What a run found: numbers, and alarms that stand, are new or are over. */
export interface Watched extends Stand<Alarm> {
  findings: readonly StandingAlarm[];
  gauges: readonly Gauge[];
}

const place = ["monitor", "alarms"] as const;
const tallySchema = z.record(z.string(), z.number());
const countedSchema = z.object({
  day: z.string(),
  tallies: z.object({ campaign: tallySchema, dynamics: tallySchema, lag: tallySchema }),
});
const memorySchema = z.record(z.string(), z.object({ position: z.string(), since: z.number() }));

/**
 * Looks once. What it finds twice is one alarm; a run that was killed before it saved is made up for by the next. ConflictError: another run was faster;
 * UnavailableError: Table Storage cannot be read.
 */
export async function watch(ports: MonitorPorts): Promise<Watched> {
  const before = await ports.checkpoints.read(...place);
  const { seen, counted } = await measure(ports, countedOf(before?.values));
  const { alarms: judged, memory } = judge(seen, memoryOf(before?.values), ports.limits);
  const alarms = [...judged, ...secretAlarms(ports.secrets, seen.now)];
  const at = new Date(seen.now).toISOString();
  const stood = stand(alarms, alarmsOf(before?.values), at);
  const values = {
    at,
    alarms: JSON.stringify(stood.findings),
    memory: JSON.stringify(memory),
    counted: JSON.stringify(counted),
  };
  await ports.checkpoints.save(...place, values, before?.etag);
  return { ...stood, findings: stood.findings.map(withFix), gauges: toGauges(seen) };
}

/** The alarms of the last run, and when (ISO) it was; without `at` there never was one. */
export async function readAlarms(
  checkpoints: Pick<CheckpointStore, "read">,
): Promise<{ at?: string; alarms: readonly StandingAlarm[] }> {
  const values = (await checkpoints.read(...place))?.values;
  return { ...(values && { at: String(values.at) }), alarms: alarmsOf(values).map(withFix) };
}

function withFix(alarm: Standing<Alarm>): StandingAlarm {
  return { ...alarm, ...alarmKinds[alarm.code] };
}

type Values = Checkpoint["values"] | undefined;

/** An older edition of the app may have had other codes. */
function alarmsOf(values: Values): Standing<Alarm>[] {
  const all = JSON.parse(String(values?.alarms ?? "[]")) as Standing<Alarm>[];
  return all.filter(({ code }) => code in alarmKinds);
}

function memoryOf(values: Values): z.output<typeof memorySchema> {
  return memorySchema.parse(JSON.parse(String(values?.memory ?? "{}")));
}

function countedOf(values: Values): Counted | undefined {
  return values?.counted === undefined ? undefined : countedSchema.parse(JSON.parse(String(values.counted)));
}
