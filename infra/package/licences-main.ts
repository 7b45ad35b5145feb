// npm run licences: every runtime dependency with its licence; fails naming those that are not in the list of allowed ones.
import { readFileSync } from "node:fs";
import { requireRepositoryRoot } from "../repository-root.js";
import { readInstalled } from "./installed.js";
import { isAllowed, runtimeDependencies } from "./licences.js";

requireRepositoryRoot();
const dependencies = runtimeDependencies(JSON.parse(readFileSync("package-lock.json", "utf8")), readInstalled);
for (const { name, version, licence } of dependencies) console.log(`${licence.padEnd(14)} ${name} ${version}`);
const refused = dependencies.filter(({ licence }) => !isAllowed(licence));
for (const { name, version, licence } of refused) {
  console.error(`${name} ${version}: ${licence || "no licence named"} is not allowed (infra/package/licences.ts)`);
}
console.log(`${dependencies.length} runtime dependencies, ${refused.length} refused`);
if (refused.length > 0) process.exitCode = 1;
