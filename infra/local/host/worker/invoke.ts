// One invocation through the unmodified library, in the worker's order (facts/azure-local.md §2). Knows no trigger, settles nothing.
import type { Log, LogLevel } from "../log.js";
import type { RegisteredFunction } from "./core-api.js";
import type { CoreInvocationContext, InvocationRequest, InvocationResponse, LogCategory } from "./core-types.js";
import type { LoadedApp } from "./load-app.js";

/**
 * Runs one function: arguments, preInvocation hooks (which may swap inputs and handler), the handler, postInvocation hooks
 * (which may change result and error), response. Throws what the invocation failed with.
 */
export async function invokeFunction(
  app: LoadedApp,
  registered: RegisteredFunction,
  request: InvocationRequest,
  log: Log,
): Promise<InvocationResponse> {
  const { registry, appHookData } = app;
  const model = registry.programmingModel();
  if (!model) throw new Error("the app set no programming model");

  const hookData: Record<string, unknown> = {};
  let invocationContext: unknown;
  const writeLog = (level: LogLevel, category: LogCategory, message: string): void => {
    const entry = { level, message, category, hookData, appHookData, invocationContext };
    runLogHooks(registry.hooks("log"), entry);
    const changed = category === "user" ? entry : { level, message };
    log({
      level: changed.level,
      message: changed.message,
      function: registered.metadata.name,
      invocationId: request.invocationId,
    });
  };
  const core: CoreInvocationContext = {
    invocationId: request.invocationId,
    request,
    metadata: registered.metadata,
    log: writeLog,
  };

  const invocation = await model.getInvocationModel(core);
  const { context, inputs } = await invocation.getArguments();
  invocationContext = context;

  const shared = { hookData, appHookData, invocationContext: context };
  const pre = { ...shared, inputs, functionCallback: registered.callback };
  await inState(core, "preInvocationHooks", () => runHooks(registry.hooks("preInvocation"), pre));

  const post: { inputs: unknown[]; result: unknown; error: unknown } = {
    ...shared,
    inputs: pre.inputs,
    result: null,
    error: null,
  };
  await inState(core, "invocation", async () => {
    try {
      post.result = await invocation.invokeFunction(context, pre.inputs, pre.functionCallback);
    } catch (error) {
      post.error = error;
    }
  });
  await inState(core, "postInvocationHooks", () => runHooks(registry.hooks("postInvocation"), post));
  // The worker's own test: a handler that throws null or undefined counts as a success.
  if (post.error !== null && post.error !== undefined) throw post.error;

  return invocation.getResponse(context, post.result);
}

async function inState(
  core: CoreInvocationContext,
  state: CoreInvocationContext["state"],
  run: () => Promise<void>,
): Promise<void> {
  core.state = state;
  try {
    await run();
  } finally {
    core.state = undefined;
  }
}

/** In order of registration; the first that throws ends it. */
export async function runHooks(hooks: readonly ((context: unknown) => unknown)[], context: unknown): Promise<void> {
  for (const hook of hooks) await hook(context);
}

function runLogHooks(hooks: readonly ((context: unknown) => unknown)[], context: unknown): void {
  try {
    for (const hook of hooks) hook(context);
  } catch {
    // As in the worker: a log hook that throws must not keep the entry from being written.
  }
}
