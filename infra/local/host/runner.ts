// Runs functions for the triggers: ids, time-out, outputs, log, and who is still running. Knows no trigger, settles nothing.
import { randomBytes, randomUUID } from "node:crypto";
import type { FunctionDefinition } from "./config/function-definition.js";
import { describeError, type Log } from "./log.js";
import type { InvocationRequest, InvocationResponse, TypedData } from "./worker/core-types.js";
import { invokeFunction } from "./worker/invoke.js";
import type { LoadedApp } from "./worker/load-app.js";

/** What a trigger hands over: its value under the trigger's binding name, and what it knows besides. */
export interface TriggerInput {
  reason: string;
  data: TypedData;
  triggerMetadata?: Record<string, TypedData>;
  retry?: { count: number; maximum: number; lastError: unknown };
}

/** How a run ended. A failure is logged already, with its stack; nothing of it belongs into an answer. */
export type RunOutcome = { ok: true; response: InvocationResponse } | { ok: false; error: unknown };

export interface Runner {
  run(definition: FunctionDefinition, input: TriggerInput): Promise<RunOutcome>;
  /** Resolves when nothing runs any more. */
  drained(): Promise<void>;
}

export interface RunnerOptions {
  app: LoadedApp;
  log: Log;
  /** Infinity: no limit. */
  timeoutMs: number;
  /** Called when a run exceeded `timeoutMs`; the real host kills the worker process here. */
  onTimeout(name: string): void;
  /** Sends what a successful run put into its output bindings; a failure here fails the run. */
  sendOutputs(definition: FunctionDefinition, response: InvocationResponse): Promise<void>;
}

/** A runner for the functions of one loaded app. `run` never rejects. */
export function makeRunner(options: RunnerOptions): Runner {
  const { app, log } = options;
  const running = new Set<Promise<RunOutcome>>();

  const invoke = async (
    definition: FunctionDefinition,
    input: TriggerInput,
    invocationId: string,
  ): Promise<RunOutcome> => {
    const startedAt = performance.now();
    const note = (level: "information" | "error", message: string): void =>
      log({ level, message, function: definition.name, invocationId });
    const elapsed = (): string => `${Math.round(performance.now() - startedAt)}ms`;

    note("information", `Executing (Reason='${input.reason}')`);
    const timeout = watchTimeout(definition.name);
    try {
      const registered = app.registry.functions.get(definition.name);
      if (!registered) throw new Error(`function ${definition.name} is not registered`);
      const response = await invokeFunction(app, registered, toRequest(definition, input, invocationId), log);
      await options.sendOutputs(definition, response);
      note("information", `Executed (Succeeded, ${elapsed()})`);
      return { ok: true, response };
    } catch (error) {
      note("error", `Executed (Failed, ${elapsed()}): ${describeError(error)}`);
      return { ok: false, error };
    } finally {
      clearTimeout(timeout);
    }
  };

  const watchTimeout = (name: string): NodeJS.Timeout | undefined => {
    if (options.timeoutMs > MAX_TIMER_MS) return undefined;
    return setTimeout(() => options.onTimeout(name), options.timeoutMs).unref();
  };

  return {
    run: (definition, input) => {
      const run = invoke(definition, input, randomUUID());
      running.add(run);
      void run.then(() => running.delete(run));
      return run;
    },
    drained: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

/** Longest delay a Node timer can hold; a longer time-out is no limit in practice. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function toRequest(definition: FunctionDefinition, input: TriggerInput, invocationId: string): InvocationRequest {
  const request: InvocationRequest = {
    invocationId,
    functionId: definition.name,
    inputData: [{ name: definition.trigger.name, data: input.data }],
    triggerMetadata: input.triggerMetadata ?? {},
    traceContext: {
      traceParent: `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-00`,
      traceState: "",
      attributes: {},
    },
  };
  if (!input.retry) return request;
  const { count, maximum, lastError } = input.retry;
  const exception = lastError === undefined ? {} : { exception: { message: String(lastError) } };
  return { ...request, retryContext: { retryCount: count, maxRetryCount: maximum, ...exception } };
}
