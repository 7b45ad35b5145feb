// From received messages to a run of the function and back to the bus: complete after success, abandon after failure.
import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import type { FunctionDefinition, ServiceBusTrigger } from "../config/function-definition.js";
import { describeError, type Log } from "../log.js";
import type { Runner, TriggerInput } from "../runner.js";
import { toBatchMetadata, toBodies, toBody, toMetadata } from "./trigger-data.js";

/** What can settle: a receiver with or without a session. */
export type Settler = Pick<ServiceBusReceiver, "completeMessage" | "abandonMessage">;

export interface DispatchOptions {
  definition: FunctionDefinition;
  trigger: ServiceBusTrigger;
  autoComplete: boolean;
  /** The app has the capability IncludeEmptyEntriesInMessagePayload. */
  includeEmpty: boolean;
  runner: Runner;
  log: Log;
}

/** `lost` aborts when the link is gone: settling is then given up, the function is waited for all the same. */
export interface Dispatch {
  one(settler: Settler, message: ServiceBusReceivedMessage, lost?: AbortSignal): Promise<void>;
  many(settler: Settler, messages: readonly ServiceBusReceivedMessage[], lost?: AbortSignal): Promise<void>;
}

/** On a dropped connection the client would wait a whole minute for an answer that cannot come. */
const SETTLE_MS = 5_000;

/**
 * Dispatch for one function. Success settles by complete (with auto-complete off: not at all, the lock runs out), failure by
 * abandon always, a batch as a whole (facts/azure-local.md §2). Never rejects: a message that cannot be settled comes again.
 */
export function makeDispatch(options: DispatchOptions): Dispatch {
  const { definition, trigger, log } = options;
  const warn = (message: string): void => log({ level: "warning", function: definition.name, message });

  const runAndSettle = async (
    settler: Settler,
    messages: readonly ServiceBusReceivedMessage[],
    toInput: () => TriggerInput,
    lost: AbortSignal | undefined,
  ): Promise<void> => {
    let succeeded = false;
    try {
      succeeded = (await options.runner.run(definition, toInput())).ok;
    } catch (error) {
      warn(`message not delivered to the function: ${describeError(error)}`);
    }
    if (succeeded && !options.autoComplete) return;
    const settled = Promise.all(messages.map((message) => settle(settler, message, succeeded)));
    await waitFor(settled, SETTLE_MS, lost);
  };

  const settle = async (settler: Settler, message: ServiceBusReceivedMessage, succeeded: boolean): Promise<void> => {
    try {
      if (succeeded) await settler.completeMessage(message);
      else await settler.abandonMessage(message);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      warn(
        `message ${message.messageId} could not be ${succeeded ? "completed" : "abandoned"}, it will come again: ${reason}`,
      );
    }
  };

  const reason = `(new Service Bus message detected on '${trigger.queueName}')`;
  return {
    one: (settler, message, lost) => {
      const toInput = (): TriggerInput => ({
        reason,
        data: toBody(message, trigger.dataType),
        triggerMetadata: toMetadata(message),
      });
      return runAndSettle(settler, [message], toInput, lost);
    },
    many: (settler, messages, lost) => {
      const toInput = (): TriggerInput => ({
        reason,
        data: toBodies(messages, options.includeEmpty),
        triggerMetadata: toBatchMetadata(messages, options.includeEmpty),
      });
      return runAndSettle(settler, messages, toInput, lost);
    },
  };
}

/** Resolves when `work` has ended, `limitMs` have passed or `lost` aborts. */
function waitFor(work: Promise<unknown>, limitMs: number, lost: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      lost?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, limitMs);
    lost?.addEventListener("abort", end, { once: true });
    if (lost?.aborted) end();
    else void work.finally(end);
  });
}
