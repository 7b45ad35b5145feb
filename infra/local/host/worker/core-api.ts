// What an app gets for `require("@azure/functions-core")`: the registrations of one app. Loads nothing, invokes nothing.
import Module from "node:module";
import type { Log, LogLevel } from "../log.js";
import type { FunctionCallback, FunctionMetadata, HookCallback, LogCategory, ProgrammingModel } from "./core-types.js";

const CORE_MODULE = "@azure/functions-core";
const WORKER_VERSION = "3.10.1";
const HOST_VERSION = "4.1037.0";
const HOOKS = ["appStart", "appTerminate", "preInvocation", "postInvocation", "log"] as const;

export type HookName = (typeof HOOKS)[number];

/** One function as registered: its metadata and the app's handler. */
export interface RegisteredFunction {
  metadata: FunctionMetadata;
  callback: FunctionCallback;
}

/** Everything an app has registered so far, and the switch that ends registration. */
export interface AppRegistry {
  functions: ReadonlyMap<string, RegisteredFunction>;
  programmingModel(): ProgrammingModel | undefined;
  hooks(name: HookName): readonly HookCallback[];
  /** From here on a function can be neither registered nor disposed. */
  lock(): void;
  /** The object that answers `@azure/functions-core`. */
  coreApi: unknown;
}

/** The worker's Disposable: runs its callback once. */
class Disposable {
  #callback: (() => unknown) | undefined;

  constructor(callback: () => unknown) {
    this.#callback = callback;
  }

  static from(...parts: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const part of parts) part.dispose();
    });
  }

  dispose(): unknown {
    const callback = this.#callback;
    this.#callback = undefined;
    return callback?.();
  }
}

/**
 * An empty registry. Like the worker it refuses a second function of the same name, any function after `lock`, and a hook
 * of an unknown name. Entries written with core `log` go to `log`.
 */
export function makeAppRegistry(log: Log): AppRegistry {
  const functions = new Map<string, RegisteredFunction>();
  const hooks = new Map<HookName, HookCallback[]>(HOOKS.map((name) => [name, []]));
  let model: ProgrammingModel | undefined;
  let locked = false;

  const registerFunction = (metadata: FunctionMetadata, callback: FunctionCallback): Disposable => {
    if (locked) throw systemError(Error, "A function can only be registered during app startup.");
    const id = metadata.functionId ?? metadata.name;
    if (functions.has(id)) throw systemError(Error, `A function with id "${id}" has already been registered.`);
    functions.set(id, { metadata, callback });
    return new Disposable(() => {
      if (locked) throw systemError(Error, "A function can only be disposed during app startup.");
      functions.delete(id);
    });
  };

  const registerHook = (name: HookName, callback: HookCallback): Disposable => {
    const list = hooks.get(name);
    if (!list) throw systemError(RangeError, `Unrecognized hook "${name}"`);
    list.push(callback);
    return new Disposable(() => {
      const index = list.indexOf(callback);
      if (index >= 0) list.splice(index, 1);
    });
  };

  return {
    functions,
    programmingModel: () => model,
    hooks: (name) => hooks.get(name) ?? [],
    lock: () => {
      locked = true;
    },
    coreApi: {
      version: WORKER_VERSION,
      hostVersion: HOST_VERSION,
      registerFunction,
      registerHook,
      setProgrammingModel: (next: ProgrammingModel) => {
        model = next;
      },
      getProgrammingModel: () => model,
      log: (level: LogLevel, _category: LogCategory, message: string) => log({ level, message }),
      Disposable,
    },
  };
}

function systemError(type: typeof Error | typeof RangeError, message: string): Error {
  return Object.assign(new type(message), { isAzureFunctionsSystemError: true });
}

interface RequirePrototype {
  require: (this: unknown, id: string) => unknown;
}

/**
 * Answers `require("@azure/functions-core")` with `coreApi` everywhere in this process until the returned function is called.
 * Reaches apps in ESM too: the library itself is CommonJS.
 */
export function installCoreModule(coreApi: unknown): () => void {
  const prototype = Module.prototype as unknown as RequirePrototype;
  const original = prototype.require;
  prototype.require = function require(this: unknown, id: string): unknown {
    return id === CORE_MODULE ? coreApi : original.call(this, id);
  };
  return () => {
    prototype.require = original;
  };
}
