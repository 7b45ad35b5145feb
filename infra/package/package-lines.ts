import type { Package } from "./make-package.js";

const shownContributors = 12;

/** What `npm run package` prints: the zip, every file with its size, and which packages the bundle is made of. */
export function packageLines({ folder, zip, zipBytes, files, contributors }: Package): string[] {
  const shown = contributors.slice(0, shownContributors);
  const others = contributors.slice(shownContributors);
  const rest = others.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    `${zip}  ${kilobytes(zipBytes)}, unpacked in ${folder}:`,
    ...Object.entries(files).map(([path, bytes]) => `  ${kilobytes(bytes)}  ${path}`),
    "the bundle is made of:",
    ...shown.map(({ name, bytes }) => `  ${kilobytes(bytes)}  ${name}`),
    ...(others.length > 0 ? [`  ${kilobytes(rest)}  ${others.length} other packages`] : []),
  ];
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`.padStart(10);
}
