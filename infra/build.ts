// Builds what is deployed: one file, dist/main.cjs, which starts without node_modules (facts/azure-local.md §2, §5).

import { build } from "esbuild";

/** What ssh2 only tries to load: without them it does the same in JavaScript and WebAssembly. */
const nativeParts = ["*.node", "cpu-features"];

/** Bundles the app into `outfile`. CommonJS, because an ESM bundle of these libraries cannot `require` Node's own modules. */
export async function buildApp(outfile: string): Promise<void> {
  await build({
    entryPoints: ["functions/startup.ts"],
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    outfile,
    minify: true,
    keepNames: true,
    sourcemap: "external",
    external: ["@azure/functions-core", ...nativeParts],
    logLevel: "warning",
  });
}

if (process.argv[1]?.endsWith("build.ts")) await buildApp("dist/main.cjs");
