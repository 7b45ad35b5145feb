// npm run bicep:check: what can be said of the templates without Azure's compiler. docs/deploy.md says what cannot.

import { checkBicep } from "./check.js";
import { readBicepFiles } from "./read-files.js";

const files = await readBicepFiles("infra");
const problems = checkBicep(files);
for (const { at, problem } of problems) console.error(`${at} ${problem}`);
console.log(`${files.length} files, ${problems.length} problems`);
if (problems.length > 0) process.exitCode = 1;
