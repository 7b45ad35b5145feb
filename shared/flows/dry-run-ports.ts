import type { DryLook, DryNote, DryOutcome, DrySide, DryWrite } from "../model/dry-note.js";
import type { RecordId } from "../model/ids.js";

/** A record of one system, as a dry run notes it. */
export interface DryRef {
  side: DrySide;
  table: string;
  id: RecordId;
}

/** A note with the record it is about. */
export interface DryEntry extends DryRef {
  note: DryNote;
}

/** What a dry run would have done. All throw UnavailableError when it cannot be read or kept. */
export interface DryNotes {
  read(record: DryRef): Promise<DryNote | undefined>;
  /** Notes a write that was not made; twice is once. */
  wrote(record: DryRef, write: DryWrite): Promise<void>;
  /** Notes a look that brought no write. */
  looked(record: DryRef, look: DryLook): Promise<void>;
}

/** Which notes are meant; what is left out does not matter. */
export interface DryFilter {
  side?: DrySide | undefined;
  table?: string | undefined;
  outcome?: DryOutcome | undefined;
}

/** A place in the order in which notes are listed. */
export interface DryPlace {
  partition: string;
  row: string;
}

/** The dry run that is under way, for an operator. */
export interface DryRun {
  /** When it began (ISO), and which one it is. */
  info(): Promise<{ number: number; startedAt: string }>;
  /** Notes behind a place, each with its own place. */
  list(filter: DryFilter, after?: DryPlace): AsyncIterable<DryEntry & { place: DryPlace }>;
  /** Forgets all that this run has noted and done to its copy of the state; the next one begins now. Answers its number. */
  startOver(): Promise<number>;
}
