// Builds what is deployed: one file, dist/main.cjs, which starts without node_modules (facts/azure-local.md §2, §5).

import { build, type Metafile } from "esbuild";

/** What ssh2 only tries to load: without them it does the same in JavaScript and WebAssembly. */
const nativeParts = ["*.node", "cpu-features"];

/**
 * Bundles the app into `outfile` and answers what went into it. CommonJS, because an ESM bundle of these libraries cannot `require` Node's own modules.
 * The source map is a file beside it; nothing in the bundle points there.
 */
export async function buildApp(
  outfile: string,
  { sourceMap = true, entry = "functions/startup.ts" } = {},
): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    outfile,
    minify: true,
    keepNames: true,
    sourcemap: sourceMap && "external",
    metafile: true,
    external: ["@azure/functions-core", ...nativeParts],
    logLevel: "warning",
  });
  return metafile;
}

if (process.argv[1]?.endsWith("build.ts")) await buildApp("dist/main.cjs");
