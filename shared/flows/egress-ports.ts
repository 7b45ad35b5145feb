// What the flow of e-mail events needs from the world (design.md §4). Adapters: campaign/event-source.ts and event-files.ts, dataverse/activities.ts,
// storage/event-ledger.ts.

import type { Clock } from "../model/clock.js";
import type { EmailEvent, EventType } from "../model/email-event.js";
import type { RecordId } from "../model/ids.js";
import type { CheckpointStore } from "../storage/checkpoints.js";
import type { Gates } from "./ports.js";

/** Why a row of the source is no event for us. */
export type SkipReason = "no-key" | "other-type" | "soft-bounce" | "malformed";

/** Rows of the source that are no event for us, counted by reason; none of them is ever lost silently. */
export type Skipped = Partial<Record<SkipReason, number>>;

/** One of them. `key`: the same for the same row whenever it comes, another one for others; `changedAt` (ISO) where it says so. */
export interface SkippedRow {
  reason: SkipReason;
  key: string;
  changedAt?: string;
}

/** One page, oldest change first. Without `next` it was the last for now. */
export interface EventPage {
  events: readonly EmailEvent[];
  skipped: readonly SkippedRow[];
  next?: string;
  /** When the page's last row changed (ISO), whether it is an event or not: what changed before has been shown. */
  upTo?: string;
  /** For `acknowledge`. */
  receipt?: string;
  /** A part of the source that holds no events, and is put aside: which and why, safe to log. */
  rejected?: string;
}

/** Campaign's e-mail events. Every method may throw AuthError, ThrottledError, UnavailableError, TableError. */
export interface EventSource {
  /** Events whose row changed at or after `since` (ISO), oldest change first; `cursor` is a page's `next`. The same rows may come again, in any page. */
  readEvents(since: string, cursor: string | undefined, size: number): Promise<EventPage>;
  /** When the oldest row that is still there changed (ISO); undefined: there is none. */
  oldestChange(): Promise<string | undefined>;
  /** Says that what became of the page with this receipt is kept for good, so that it need not come again. Saying it twice is saying it once. */
  acknowledge?(receipt: string): Promise<void>;
  /** Names of the parts that were put aside because they say nothing of events, and still lie there. */
  rejected?(): Promise<readonly string[]>;
  /** Ends what a run holds open; the next one opens it again. */
  close?(): void;
}

/** A source whose past can be counted. */
export interface HistorySource extends EventSource {
  /** How many rows changed at or after `since` (ISO), asked in a call or two; undefined: Campaign does not say. */
  countSince(since: string): Promise<number | undefined>;
}

/** What became of the contact an event is about. `merged`: events belong to `id`, its master (of masters). */
export type ContactFate = { state: "here" | "merged"; id: RecordId } | { state: "gone" };

/** One event as it is to stand in Dynamics; `task`: with a follow-up task of this id, due that day. */
export interface NewActivity {
  id: RecordId;
  event: EmailEvent;
  contact: RecordId;
  task?: { id: RecordId };
}

/** `written`: now, whole. `existed`: it was there already, nothing was changed. `refused`: Dynamics will never take it; code and words are safe to log. */
export type ActivityResult = { outcome: "written" | "existed" } | { outcome: "refused"; code: string; message: string };

/** The activities in Dynamics. */
export interface ActivitySink {
  /** What became of these contacts, by key as given; a key that is no GUID is `gone`. */
  contacts(keys: readonly string[]): Promise<ReadonlyMap<string, ContactFate>>;
  /** Which of these activities of one type exist, in any state. */
  existing(type: EventType, ids: readonly RecordId[]): Promise<ReadonlySet<RecordId>>;
  /**
   * Creates and completes each activity with its task, all of one or nothing of it, whatever becomes of the others; results in the order given. What could
   * not be carried out for the peer's sake is thrown, and then any of them may have been written: to be given again, which changes nothing.
   */
  write(activities: readonly NewActivity[]): Promise<readonly ActivityResult[]>;
}

/** What was made of an event, kept as long as Campaign keeps its logs, so that what a user deleted in Dynamics stays deleted. */
export type EventOutcome = "written" | "no-contact" | "refused";

/** An event in the ledger. `page`: number of the pull's page that dealt with it. `changedAt`: the change of its row that was refused. */
export interface KnownEvent {
  outcome: EventOutcome;
  page?: number;
  changedAt?: string;
}

/** The rows that have been dealt with; ids and outcomes only. */
export interface EventLedger {
  /** Which of these have been dealt with, by id of the activity. */
  known(events: readonly EmailEvent[]): Promise<ReadonlyMap<string, KnownEvent>>;
  /** Notes what became of events; doing it twice is doing it once. `page`: number of the pull's page. */
  note(outcomes: readonly { event: EmailEvent; outcome: EventOutcome }[], page?: number): Promise<void>;
  /**
   * Notes rows that bring nothing to Dynamics, each by a key of its own, under the number of the pull's page. Answers the keys of those that no other
   * page has noted: a page that is done again, after a kill, gets the same answer.
   */
  noteOthers(rows: readonly { key: string }[], page: number): Promise<ReadonlySet<string>>;
}

/** What an operator has switched on. All off until somebody says otherwise. */
export interface EgressSettings {
  types: ReadonlySet<EventType>;
  /** Types whose events bring a follow-up task. */
  tasks: ReadonlySet<EventType>;
}

/** An event that Dynamics refuses, for an operator. */
export interface EgressFailure {
  event: Pick<EmailEvent, "id" | "type" | "changedAt">;
  id: RecordId;
  code: string;
  message: string;
}

/** What the egress flow works with; made by services.ts, or by a test. */
export interface EgressPorts {
  source: EventSource;
  sink: ActivitySink;
  ledger: EventLedger;
  checkpoints: CheckpointStore;
  gates: Gates;
  clock: Clock;
  /** At most a second old. */
  settings(): Promise<EgressSettings>;
  /** Why an operator does not want egress to run now; undefined: it may. At most a second old. */
  stopped(): Promise<string | undefined>;
  /** Verified a short while ago; BindingError: nothing may be written. */
  binding(): Promise<unknown>;
  failed(failure: EgressFailure): Promise<void>;
  /** A failure of this activity, if there is one, is over. */
  succeeded(activity: Pick<NewActivity, "id" | "event">): Promise<void>;
}

/** What is wrong with the way of the events to us, by a code for programs. `about`: which of several; `fix`: what to do, and where the guide describes it. */
export interface EventFinding {
  code:
    | "staging-stopped"
    | "workflow-missing"
    | "no-events-while-delivering"
    | "purged-before-read"
    | "no-key-on-profiles"
    | "malformed-rows"
    | "files-rejected"
    | "filter-missing"
    | "filter-wrong"
    | "order-wrong"
    | "resource-missing";
  about?: string;
  message: string;
  fix: string;
  /** The period (ISO) whose events are lost or in doubt. */
  lost?: { from: string; to: string };
}

/** What the flow itself knows of that way; instants are ISO, what is not known is left out. */
export interface EventsKnown {
  /** Everything that there was then had been read. */
  caughtUpAt?: string;
  /** Change of the last row that was read: the checkpoint. */
  since?: string;
  /** Rows counted over the same time: events, and those that are none. */
  counts?: { events: number; noKey: number; malformed: number };
  /** The pull found that rows of this period (ISO) had been purged before it read them, if there were any. */
  lost?: { from: string; to: string };
}

/** What the checks work with. `ask` finds everything that is wrong; it throws when Campaign cannot be asked. */
export interface EventCheckPorts extends Pick<EgressPorts, "checkpoints" | "clock" | "settings" | "stopped"> {
  ask(known: EventsKnown): Promise<readonly EventFinding[]>;
}
