// What a dry run notes of a record: what would have been written, had it not been a dry run. Pure. Names of fields only, never a value of a person's;
// opt-outs are the exception, as in the sync state.

/** The system that would have been written to. */
export const drySides = ["campaign", "dynamics"] as const;
/** See `drySides`. */
export type DrySide = (typeof drySides)[number];

/**
 * What would have become of the record by now. `created`, `updated`, `deleted`: it would have been written, and this is what all writes come to.
 * `unchanged`: looked at, nothing to write. `waits`: for a parent, or for something that passes. `failed`: `reason` says why. `left`: a filter, or the mapping, keeps it
 * as it is.
 */
export const dryOutcomes = ["created", "updated", "deleted", "unchanged", "waits", "failed", "left"] as const;
/** See `dryOutcomes`. */
export type DryOutcome = (typeof dryOutcomes)[number];

/** A call that was not made. */
export interface DryWrite {
  outcome: "created" | "updated" | "deleted";
  /** Names of the fields that would have been other than before. */
  fields: readonly string[];
  /** Opt-outs that would have been written, by attribute in Campaign and by column in Dynamics; `at` (epoch ms) is when. */
  optOuts?: Readonly<Record<string, DryOptOut>>;
}

/** See `DryWrite.optOuts`. */
export interface DryOptOut {
  value: boolean;
  at: number;
}

/** What became of a record that was not written. */
export interface DryLook {
  outcome: Exclude<DryOutcome, DryWrite["outcome"]>;
  reason?: string;
}

/** All of it. `wrote`: what the writes come to; `undone`: the record would have been made and deleted again. `at`: ISO. */
export interface DryNote {
  outcome: DryOutcome;
  wrote?: DryWrite["outcome"] | "undone";
  fields: readonly string[];
  optOuts: Readonly<Record<string, DryOptOut>>;
  reason?: string;
  at: string;
}

/** Would the record be there now? Undefined: nothing was written, so that the system itself knows. */
export function wouldBeThere(note: DryNote | undefined): boolean | undefined {
  if (note?.wrote === undefined) return undefined;
  return note.wrote === "created" || note.wrote === "updated";
}

/** The note after one more write. */
export function withWrite(note: DryNote | undefined, write: DryWrite, at: string): DryNote {
  const wrote = together(note?.wrote, write.outcome);
  const isGone = wrote === "deleted" || wrote === "undone";
  const isAnew = note?.wrote === "deleted" || note?.wrote === "undone";
  return {
    outcome: wrote === "undone" ? "unchanged" : wrote,
    wrote,
    fields: isGone ? [] : [...new Set([...(note?.fields ?? []), ...write.fields])].sort(),
    optOuts: isGone ? {} : { ...(isAnew ? {} : note?.optOuts), ...write.optOuts },
    at,
  };
}

/** The note after a look that brought no write; undefined: it stays as it is. What was written before counts, unless the record has failed since. */
export function withLook(note: DryNote | undefined, { outcome, reason }: DryLook, at: string): DryNote | undefined {
  const before = note?.wrote === "undone" ? "unchanged" : note?.wrote;
  const now = outcome === "failed" ? outcome : (before ?? outcome);
  if (note && note.outcome === now && note.reason === reason) return undefined;
  const { reason: _reason, ...rest } = note ?? { fields: [], optOuts: {} };
  return { ...rest, outcome: now, ...(now === outcome && reason !== undefined && { reason }), at };
}

function together(before: DryNote["wrote"], now: DryWrite["outcome"]): Exclude<DryNote["wrote"], undefined> {
  if (now === "deleted") return before === "created" || before === "undone" ? "undone" : "deleted";
  if (before === "created" || before === "undone") return "created";
  return before === undefined && now === "created" ? "created" : "updated";
}
