import type { BundledPackage } from "./bundled.js";
import { licenceText, readInstalled } from "./installed.js";

const heading = `THIRD-PARTY NOTICES

dist/main.cjs holds code of the packages below, under the licences that follow each of them.`;

/** Licences of everything in the bundle, by name; the same packages give the same text. Throws naming a package that is not installed. */
export function thirdPartyNotices(packages: readonly BundledPackage[]): string {
  const parts = packages.flatMap(({ name, folder }) => {
    if (folder === "") return [];
    const found = readInstalled(folder);
    if (!found) throw new Error(`${name} is in the bundle and not in ${folder}: run npm ci`);
    const title = `${found.name} ${found.version} (${found.licence})`;
    const text = licenceText(folder) ?? `The package ships no text of its licence, ${found.licence}.`;
    return [`${"-".repeat(80)}\n${title}\n\n${text}\n`];
  });
  return `${heading}\n\n${[...new Set(parts)].sort().join("\n")}`;
}
