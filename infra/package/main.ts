import { requireRepositoryRoot } from "../repository-root.js";
import { makePackage } from "./make-package.js";
import { packageLines } from "./package-lines.js";

// npm run package: what is deployed, in dist/package and dist/package.zip.
requireRepositoryRoot();
for (const line of packageLines(await makePackage())) console.log(line);
