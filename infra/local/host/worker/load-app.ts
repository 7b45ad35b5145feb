// Loads a built app the way the Node worker does: package.json `main`, every file in turn, then the appStart hooks.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { HostRefusal } from "../config/host-refusal.js";
import type { Log } from "../log.js";
import { type AppRegistry, installCoreModule, makeAppRegistry } from "./core-api.js";
import { findEntryFiles } from "./entry-files.js";

const packageSchema = z.object({ main: z.string().min(1), type: z.enum(["module", "commonjs"]).default("commonjs") });

/** A loaded app. `hookData` is shared by appStart and appTerminate hooks, `appHookData` by all hooks. */
export interface LoadedApp {
  directory: string;
  registry: AppRegistry;
  capabilities: Readonly<Record<string, string>>;
  hookData: Record<string, unknown>;
  appHookData: Record<string, unknown>;
  /** Takes the app's CommonJS modules out of the cache and the core module hook away. */
  unload(): void;
}

/**
 * Loads the app below `directory`. Throws HostRefusal with the cause when package.json is missing or has no `main`, when an
 * entry file or an appStart hook throws, or when nothing was registered: the real host would live on without functions.
 */
export async function loadApp(directory: string, log: Log): Promise<LoadedApp> {
  const root = resolve(directory);
  const packageJson = await readPackageJson(root);
  const files = await findEntryFiles(root, packageJson.main);

  const registry = makeAppRegistry(log);
  const require = createRequire(join(root, "package.json"));
  const before = new Set(Object.keys(require.cache));
  const removeHook = installCoreModule(registry.coreApi);
  const unload = (): void => {
    removeHook();
    for (const path of Object.keys(require.cache)) if (!before.has(path)) delete require.cache[path];
  };

  const appHookData: Record<string, unknown> = {};
  const hookData: Record<string, unknown> = {};
  try {
    for (const file of files) await loadEntry(join(root, file), file, packageJson.type, require);
    const model = registry.programmingModel();
    if (!model)
      throw new HostRefusal([
        "the app registered no function: is @azure/functions-core marked as external in its build?",
      ]);
    const context = { hookData, appHookData, functionAppDirectory: root };
    for (const hook of registry.hooks("appStart")) {
      try {
        await hook(context);
      } catch (cause) {
        throw new HostRefusal([`an appStart hook failed: ${messageOf(cause)}`], { cause });
      }
    }
    registry.lock();
    const capabilities = (await model.getCapabilities?.({})) ?? {};
    if (capabilities.HttpUri) throw new HostRefusal(["app.setup enableHttpStream is not imitated: leave it off"]);
    return { directory: root, registry, capabilities, hookData, appHookData, unload };
  } catch (error) {
    unload();
    throw error;
  }
}

async function readPackageJson(root: string): Promise<z.output<typeof packageSchema>> {
  try {
    return packageSchema.parse(JSON.parse(await readFile(join(root, "package.json"), "utf8")));
  } catch (cause) {
    throw new HostRefusal(["package.json of the app must exist, be JSON and have a `main`"], { cause });
  }
}

async function loadEntry(path: string, name: string, type: string, require: NodeJS.Require): Promise<void> {
  const isEsm = path.endsWith(".mjs") || (type === "module" && !path.endsWith(".cjs"));
  try {
    if (isEsm) await import(pathToFileURL(path).href);
    else require(path);
  } catch (cause) {
    throw new HostRefusal([`entry file "${name}" failed to load: ${messageOf(cause)}`], { cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
