import type { InvocationContext } from "@azure/functions";
import { type Log, makeLog } from "../shared/log/log.js";

/** The log of one invocation: lines go to the host, marked with the function's name. */
export function logOf(context: InvocationContext): Log {
  const sink = {
    info: (line: string) => context.info(line),
    warn: (line: string) => context.warn(line),
    error: (line: string) => context.error(line),
  };
  return makeLog(sink, { fn: context.functionName });
}
