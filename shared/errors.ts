// The whole error taxonomy. Adapters throw these and nothing else; what a message's fate is after each kind: flows/settle.ts.

/** What went wrong, in the words of design.md §3: each kind has one fate (flows/settle.ts) and one HTTP answer. */
export type ErrorKind =
  | "settings"
  | "malformed"
  | "unauthenticated"
  | "binding"
  | "auth"
  | "throttled"
  | "unavailable"
  | "refused"
  | "missing"
  | "table"
  | "conflict"
  | "bug";

/** Safe flat facts about a failure: ids, codes, times. Never a body, a token, a name or an address. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | undefined>>;

/** Base of every error this product throws on purpose. `message` says what failed, on what key, and what the other side said. */
export class SyncError extends Error {
  constructor(
    readonly kind: ErrorKind,
    message: string,
    readonly context: ErrorContext = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
  }
}

/** One thing wrong with the settings: which one, what, and how to put it right. Never holds a secret's value. */
export interface SettingsProblem {
  setting: string;
  problem: string;
  fix: string;
}

/** The app's settings are incomplete or wrong; carries every problem at once. The app then serves `health` and nothing else. */
export class SettingsError extends SyncError {
  constructor(readonly problems: readonly SettingsProblem[]) {
    super("settings", problems.map((p) => `${p.setting}: ${p.problem}. ${p.fix}`).join("\n"));
  }
}

/** Something from outside does not have the shape it must have. Never retried. */
export class MalformedError extends SyncError {
  constructor(message: string, context: ErrorContext = {}, cause?: unknown) {
    super("malformed", message, context, cause);
  }
}

/** The caller could not show who they are, or speaks for another organisation. */
export class UnauthenticatedError extends SyncError {
  constructor(message: string, context: ErrorContext = {}) {
    super("unauthenticated", message, context);
  }
}

/** The stored state belongs to another Dynamics organisation or Campaign instance (design.md §7): nothing may be written. */
export class BindingError extends SyncError {
  constructor(message: string, context: ErrorContext = {}) {
    super("binding", message, context);
  }
}

/** A peer does not accept our credentials, after one fresh token. The peer's fault, not the message's. */
export class AuthError extends SyncError {
  constructor(message: string, context: ErrorContext = {}, cause?: unknown) {
    super("auth", message, context, cause);
  }
}

/** A peer asked us to slow down for longer than the time budget. Nothing was applied. */
export class ThrottledError extends SyncError {
  constructor(
    message: string,
    readonly retryAfterMs: number,
    context: ErrorContext = {},
  ) {
    super("throttled", message, { ...context, retryAfterMs });
  }
}

/** Network failure, time-out or 5xx that outlasted the budget. `maybeApplied`: the other side may have carried the call out. */
export class UnavailableError extends SyncError {
  constructor(
    message: string,
    readonly maybeApplied: boolean,
    context: ErrorContext = {},
    cause?: unknown,
  ) {
    super("unavailable", message, { ...context, maybeApplied }, cause);
  }
}

/** The peer understood and said no; saying it again changes nothing. `code` is the vendor's. */
export class RefusedError extends SyncError {
  constructor(
    message: string,
    readonly code: string,
    context: ErrorContext = {},
  ) {
    super("refused", message, { ...context, code });
  }
}

/** The record addressed does not exist there. The flow decides what that means. */
export class MissingError extends SyncError {
  constructor(message: string, context: ErrorContext = {}) {
    super("missing", message, context);
  }
}

/** A whole table or resource cannot be worked with: no privilege, not published, not tracked. No single record is to blame. */
export class TableError extends SyncError {
  constructor(
    message: string,
    readonly code: string,
    context: ErrorContext = {},
  ) {
    super("table", message, { ...context, code });
  }
}

/** Somebody else was faster: a stale ETag, or a key that exists already. Read again and decide anew. */
export class ConflictError extends SyncError {
  constructor(message: string, context: ErrorContext = {}) {
    super("conflict", message, context);
  }
}

/** The kind of anything thrown; what is not ours is a bug. */
export function errorKind(error: unknown): ErrorKind {
  return error instanceof SyncError ? error.kind : "bug";
}

const systems: Readonly<Record<string, "campaign" | "dynamics">> = {
  campaign: "campaign",
  ims: "campaign",
  dynamics: "dynamics",
  entra: "dynamics",
};

/** The peer that a call failed at, its token service included; undefined when it was none of them. */
export function peerOf(error: unknown): "campaign" | "dynamics" | undefined {
  return error instanceof SyncError ? systems[String(error.context.system)] : undefined;
}

/** One line for a log: a SyncError's message, and only the class of anything else (its message may hold a person's data). */
export function safeMessage(error: unknown): string {
  if (error instanceof SyncError) return error.message;
  return error instanceof Error ? `unexpected ${error.name}` : "unexpected value thrown";
}
