// A mapped row into Campaign with as few calls as can be (design.md §3, Write, step 6). Runs under an intent; stores nothing.

import { ConflictError, MissingError, RefusedError, SyncError } from "../errors.js";
import { type Fields, type MappedRow, withoutEmpty } from "../mapping/compile.js";
import type { Job } from "./record-job.js";

/** What was written, and what Campaign would not take and the record can do without. */
export interface Sent {
  outcome: "created" | "updated";
  warnings: readonly string[];
  /** Some attempt may yet take effect. */
  mayEcho: boolean;
}

/** `starting`: fields of a new record only, which no update may write, nor fail for. No call starts or repeats after `deadline` (epoch ms). */
export interface Sending {
  withInsertOnly: boolean;
  starting(): Promise<Fields>;
  deadline: number;
}

/** Most optional fields that one record may lose to Campaign's refusals; each costs a call. */
const mostRefusedFields = 5;

/**
 * PATCH if we believe the record is there, POST if not; once the other one when Campaign knows better. A key that exists although we did not know is
 * a write of ours whose answer was lost, or a record that already carries this row's id. An optional field that Campaign refuses is left out and
 * reported, not the record. MissingError with code `contradiction`: Campaign denies both.
 */
export async function sendRecord(job: Job, mapped: MappedRow, sending: Sending): Promise<Sent> {
  let [left, warnings, mayEcho] = [mapped, mapped.warnings, false];
  for (let dropped = 0; ; dropped += 1) {
    try {
      const sent = await sendOnce(job, left, sending);
      return { ...sent, warnings, mayEcho: mayEcho || sent.mayEcho };
    } catch (error) {
      mayEcho ||= echoes(error);
      const field = dropped < mostRefusedFields ? refusedOptional(job, left, error) : undefined;
      if (field === undefined) throw error;
      left = without(left, field);
      warnings = [...warnings, `${field} refused by Campaign and left out`];
    }
  }
}

async function sendOnce(
  { ports, envelope, mapping, state }: Job,
  mapped: MappedRow,
  { withInsertOnly, starting, deadline }: Sending,
): Promise<Omit<Sent, "warnings">> {
  const all: Fields = { ...mapped.always, ...mapped.insertOnly };
  const insert = async (before = false): Promise<Omit<Sent, "warnings">> => {
    const { mayEcho } = await ports.campaign.insert(
      mapping,
      envelope.id,
      { ...withoutEmpty(all), ...(await starting()) },
      deadline,
    );
    return { outcome: "created", mayEcho: before || mayEcho };
  };
  const update = async (fields: Fields, before = false): Promise<Omit<Sent, "warnings">> => {
    const { mayEcho } = await ports.campaign.update(mapping, envelope.id, fields, deadline);
    return { outcome: "updated", mayEcho: before || mayEcho };
  };
  try {
    return state.present ? await update(withInsertOnly ? all : mapped.always) : await insert();
  } catch (error) {
    if (state.present && error instanceof MissingError) return contradicted(insert(echoes(error)));
    if (!state.present && error instanceof ConflictError) return contradicted(update(all, echoes(error)));
    throw error;
  }
}

/** Did an attempt of the failed call get no answer? */
export function echoes(error: unknown): boolean {
  return error instanceof SyncError && error.context.mayEcho === true;
}

/** A hidden record, and a key that is not the one in the URI, are there for an insert and not there for an update. */
function contradicted<T>(second: Promise<T>): Promise<T> {
  return second.catch((error: unknown) => {
    if (!(error instanceof MissingError) && !(error instanceof ConflictError)) throw error;
    throw new MissingError(
      "Campaign says that the record exists, and that it does not: it is hidden because the record it links to is missing, or its key cannot be addressed",
      { code: "contradiction", ...(echoes(error) && { mayEcho: true }) },
    );
  });
}

/** The target of an optional field that Campaign named in its refusal. It names the last part of a dotted target. */
function refusedOptional({ mapping }: Job, mapped: MappedRow, error: unknown): string | undefined {
  const named = error instanceof RefusedError ? error.context.field : undefined;
  if (typeof named !== "string") return undefined;
  const targets = Object.keys({ ...mapped.always, ...mapped.insertOnly });
  return targets.find((target) => (target === named || target.endsWith(`.${named}`)) && mapping.optional.has(target));
}

function without(mapped: MappedRow, field: string): MappedRow {
  const cut = (fields: Fields): Fields => Object.fromEntries(Object.entries(fields).filter(([name]) => name !== field));
  return { ...mapped, always: cut(mapped.always), insertOnly: cut(mapped.insertOnly) };
}
