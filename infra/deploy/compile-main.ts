// npm run infra:build: `az bicep build` and `az bicep build-params` on every file, where az exists; for pipelines.
import { requireRepositoryRoot } from "../repository-root.js";
import { AzError, makeAz } from "./az.js";
import { bicepFiles, compileBicep } from "./compile.js";

requireRepositoryRoot();
const az = makeAz(process.env);
const files = bicepFiles("infra");
const hasAz = await az(["version"]).then(
  () => true,
  (error: unknown) => {
    if (error instanceof AzError) throw error;
    return false;
  },
);
if (!hasAz) {
  console.log(`skipped: there is no Azure CLI here, so Azure's compiler has seen none of ${files.length} Bicep files`);
} else {
  const problems = await compileBicep(az, files, process.env);
  for (const [file, problem] of problems) console.error(`${file}:\n${problem}`);
  console.log(`Azure's compiler: ${files.length} files, ${problems.size} with errors`);
  if (problems.size > 0) process.exitCode = 1;
}
