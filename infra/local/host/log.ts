// The host's log: one line for each entry on stdout. What goes into an entry is decided by its writer.

/** Levels of the Functions host, least severe first. */
export const LOG_LEVELS = ["trace", "debug", "information", "warning", "error", "critical", "none"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One log entry. `function` and `invocationId` are absent for the host's own entries. */
export interface LogEntry {
  level: LogLevel;
  message: string;
  function?: string | undefined;
  invocationId?: string | undefined;
}

/** Where entries go. Never throws. */
export type Log = (entry: LogEntry) => void;

export interface LogOptions {
  json: boolean;
  minimum: LogLevel;
  write(line: string): void;
  now(): Date;
}

/** A log that writes entries at or above `minimum`, each as exactly one line: line breaks inside a message are escaped. */
export function makeLog(options: LogOptions): Log {
  const minimum = LOG_LEVELS.indexOf(options.minimum);
  return (entry) => {
    if (LOG_LEVELS.indexOf(entry.level) < minimum) return;
    const time = options.now().toISOString();
    options.write(options.json ? JSON.stringify({ time, ...entry }) : formatLine(time, entry));
  };
}

function formatLine(time: string, entry: LogEntry): string {
  const message = entry.message.replaceAll("\r", "\\r").replaceAll("\n", "\\n");
  return `${time} ${entry.level} ${entry.function ?? "host"} ${entry.invocationId ?? "-"} ${message}`;
}

/** What is logged of something thrown: stack if there is one, and its causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own}\ncaused by ${describeError(error.cause)}`;
}
