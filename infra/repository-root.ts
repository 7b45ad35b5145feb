import { existsSync } from "node:fs";

/** Fails early, and in words, where the repository's own files are missing: commands are started from its root. */
export function requireRepositoryRoot(): void {
  if (!existsSync("host.json") || !existsSync("functions/startup.ts")) {
    throw new Error("run this from the repository's root");
  }
}
