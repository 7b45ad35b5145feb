// Who is at work on egress, and how the last run ended, for an operator (flow `egress`, stream `runs`): STOPPED is said only when nobody is any more. Nothing
// rests on these notes but what the status says.

import { z } from "zod";
import { ConflictError, safeMessage } from "../errors.js";
import type { Checkpoint, CheckpointStore } from "../storage/checkpoints.js";
import { changeCheckpoint } from "./change-checkpoint.js";
import type { EgressPorts } from "./egress-ports.js";

/** What is known of runs. Instants are ISO; `underWay`: when those began that have not ended. Error and success are those of pulls. */
export interface RunNotes {
  underWay: readonly string[];
  lastRunAt?: string;
  lastSuccessAt?: string;
  /** The last pull ended with this. */
  error?: string;
}

const place = ["egress", "runs"] as const;
/** No run lives longer (functionTimeout in host.json): one that began before was killed. */
const longestMs = 30 * 60_000;
const underWaySchema = z.record(z.string(), z.string());

type Stores = Pick<EgressPorts, "checkpoints" | "clock">;

/** Does the work as a run of this id; `isPull`: its end is what the status shows as the last run. Another run that owns the stream is no error. */
export async function asRun<T>(stores: Stores, id: string, isPull: boolean, work: () => Promise<T>): Promise<T> {
  await note(stores, (now, underWay, rest) => ({
    ...rest,
    underWay: { ...underWay, [id]: now },
    ...(isPull && { lastRunAt: now }),
  }));
  const end = (news: (now: string, rest: Checkpoint["values"]) => Checkpoint["values"]): Promise<void> =>
    note(stores, (now, { [id]: _ended, ...underWay }, rest) => ({ ...(isPull ? news(now, rest) : rest), underWay }));
  try {
    const result = await work();
    await end((lastSuccessAt, { error: _error, ...rest }) => ({ ...rest, lastSuccessAt }));
    return result;
  } catch (error) {
    // Where the note cannot be taken the work's own error says more.
    await end((_now, rest) => (error instanceof ConflictError ? rest : { ...rest, error: safeMessage(error) })).catch(
      () => {},
    );
    throw error;
  }
}

/** What the notes say. */
export async function readRunNotes({
  checkpoints,
  clock,
}: { checkpoints: CheckpointStore } & Pick<Stores, "clock">): Promise<RunNotes> {
  const values = (await checkpoints.read(...place))?.values ?? {};
  const text = (name: "lastRunAt" | "lastSuccessAt" | "error") =>
    values[name] !== undefined && { [name]: String(values[name]) };
  return {
    underWay: Object.values(alive(values, clock.now())),
    ...text("lastRunAt"),
    ...text("lastSuccessAt"),
    ...text("error"),
  };
}

type Noted = Omit<Checkpoint["values"], "underWay"> & { underWay: Readonly<Record<string, string>> };

async function note(
  { checkpoints, clock }: Stores,
  decide: (now: string, underWay: Readonly<Record<string, string>>, rest: Checkpoint["values"]) => object,
): Promise<void> {
  await changeCheckpoint(checkpoints, place, (values) => {
    const { underWay: _underWay, ...rest } = values;
    const now = clock.now();
    const noted = decide(new Date(now).toISOString(), alive(values, now), rest) as Noted;
    return { ...noted, underWay: JSON.stringify(noted.underWay) };
  });
}

function alive({ underWay = "{}" }: Checkpoint["values"], now: number): Record<string, string> {
  const all = underWaySchema.parse(JSON.parse(String(underWay)));
  return Object.fromEntries(Object.entries(all).filter(([, began]) => now - Date.parse(began) < longestMs));
}
