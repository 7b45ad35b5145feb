// Built apps for the host's tests: each is one CommonJS bundle in a folder of its own, with no node_modules near.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const fixtures = fileURLToPath(new URL("../../fixtures/host-apps/", import.meta.url));
const made: string[] = [];

/** What goes into an app's folder besides its bundle. */
export interface AppFiles {
  hostJson?: unknown;
  packageJson?: Record<string, unknown>;
}

/** Bundles a fixture app (`http`, `bus`, `timers`) as a build would; answers its folder. */
export async function buildApp(fixture: string, files: AppFiles = {}): Promise<string> {
  return bundle({ entryPoints: [join(fixtures, `${fixture}.ts`)] }, files);
}

/** Bundles an app given as source text. */
export async function buildSource(source: string, files: AppFiles = {}): Promise<string> {
  return bundle({ stdin: { contents: source, resolveDir: fixtures } }, files);
}

/** An app folder with exactly these files, by path. */
export async function writeApp(contents: Record<string, string>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "host-app-"));
  made.push(directory);
  for (const [path, text] of Object.entries(contents)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  return directory;
}

/** Call in afterAll. */
export async function removeApps(): Promise<void> {
  await Promise.all(made.splice(0).map((directory) => rm(directory, { recursive: true, force: true })));
}

async function bundle(input: Parameters<typeof build>[0], files: AppFiles): Promise<string> {
  const result = await build({
    ...input,
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    external: ["@azure/functions-core"],
    logLevel: "silent",
  });
  return writeApp({
    "package.json": JSON.stringify({ main: "dist/main.cjs", ...files.packageJson }),
    "host.json": JSON.stringify(files.hostJson ?? { version: "2.0" }),
    "dist/main.cjs": result.outputFiles?.[0]?.text ?? "",
  });
}
