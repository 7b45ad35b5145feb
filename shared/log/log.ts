import { SyncError, safeMessage } from "../errors.js";

/** Facts of a log line: flat and safe. Never a body, a token, a name or an address. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/** Structured log: one event name and its facts a line. */
export interface Log {
  info(event: string, facts?: Facts): void;
  warn(event: string, facts?: Facts): void;
  error(event: string, facts?: Facts): void;
}

/** Where lines go: `context.log` and its sisters in a function. */
export type LineSink = Readonly<Record<"info" | "warn" | "error", (line: string) => void>>;

/** Writes lines as `event {"fact":…}`; facts without value are left out. */
export function makeLog(sink: LineSink, common: Facts = {}): Log {
  const write =
    (level: keyof LineSink) =>
    (event: string, facts: Facts = {}) =>
      sink[level](`${event} ${JSON.stringify({ ...common, ...facts })}`);
  return { info: write("info"), warn: write("warn"), error: write("error") };
}

/** What a log may say of an error: its kind, message and context if it is ours, else only its class. */
export function errorFacts(error: unknown): Facts {
  if (error instanceof SyncError) return { ...error.context, kind: error.kind, error: error.message };
  return { kind: "bug", error: safeMessage(error) };
}
