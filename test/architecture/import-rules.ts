// Which file may import what (design.md §8), as data and one pure function. Reading the files is imports.test.ts.

import { posix } from "node:path";
import { parseSync } from "oxc-parser";

/** A forbidden import, and where the code should live instead. */
export interface Violation {
  file: string;
  imported: string;
  advice: string;
}

interface Rule {
  /** Which imports the rule is about: a package name, or a path from the repository's root. */
  imported: RegExp;
  /** Files that may. */
  allowed: RegExp;
  advice: string;
}

const packageRules: readonly Rule[] = [
  {
    imported: /^@azure\/functions($|\/)/,
    allowed: /^functions\//,
    advice: "only functions/ knows the host: put the trigger there and the work into a flow in shared/flows/",
  },
  {
    imported: /^axios($|\/)/,
    allowed: /^shared\/http\//,
    advice:
      "only shared/http/ speaks HTTP: call through its client, from an adapter in shared/dataverse/ or shared/campaign/",
  },
  {
    imported: /^@azure\/service-bus($|\/)/,
    allowed: /^shared\/messaging\//,
    advice: "only shared/messaging/ knows Service Bus: use the ChangeQueue port of shared/flows/ports.ts",
  },
  {
    imported: /^@azure\/(data-tables|core-auth)($|\/)/,
    allowed: /^shared\/storage\//,
    advice: "only shared/storage/ knows Table Storage: use a store over EntityTable",
  },
  {
    imported: /^csv-parse($|\/)/,
    allowed: /^shared\/sftp\//,
    advice: "only shared/sftp/ reads delimited text: use shared/sftp/csv-records.ts",
  },
  {
    imported: /^ssh2($|\/)/,
    allowed: /^shared\/sftp\//,
    advice: "only shared/sftp/ speaks SFTP: use a session of shared/sftp/sftp-session.ts",
  },
  {
    imported: /^@azure\/identity($|\/)/,
    allowed: /^shared\/compose\/auth\.ts$/,
    advice: "only shared/compose/auth.ts makes credentials: take a TokenSource as an argument",
  },
];

const pureFolders = "shared/(model|mapping|optout)/";
const pure = new RegExp(`^(${pureFolders}|shared/errors\\.ts$|shared/flows/settle\\.ts$)`);

const layerRules: readonly (Rule & { importer: RegExp })[] = [
  {
    importer: /^(functions|shared)\//,
    imported: /^(infra|test|bench)\//,
    allowed: /^$/,
    advice: "the app never depends on infra/ or test/: what both need belongs in shared/",
  },
  {
    importer: /^shared\//,
    imported: /^functions\//,
    allowed: /^$/,
    advice: "imports point from functions/ to shared/: move what is needed into shared/flows/",
  },
  {
    importer: pure,
    imported: /^(?!shared\/(model|mapping|optout)\/|shared\/errors\.ts$|shared\/flows\/settle\.ts$).*\//,
    allowed: /^$/,
    advice: "pure code imports pure code: do the I/O in an adapter and hand over its result",
  },
  {
    importer: /^shared\/flows\//,
    imported: /^shared\/(dataverse|campaign|http|messaging|settings|compose|services\.ts)/,
    allowed: /^$/,
    advice: "flows talk to ports: add what is needed to shared/flows/ports.ts and implement it in the adapter",
  },
  {
    importer: /^shared\/control\//,
    imported: /^shared\/(dataverse|campaign|http|messaging|settings|compose|services\.ts)/,
    allowed: /^$/,
    advice: "the control API talks to ports: add what is needed to shared/control/ports.ts and wire it in services.ts",
  },
  {
    importer: /^shared\/(?!control\/|compose\/|services\.ts$)/,
    imported: /^shared\/control\//,
    allowed: /^$/,
    advice:
      "the control API is the operator's door, and nothing behind it knows it: what both need belongs in shared/flows/",
  },
  {
    importer: /^shared\/(dataverse|campaign|http|messaging|storage)\//,
    imported: /^shared\/(services\.ts|compose\/|settings\/)/,
    allowed: /^$/,
    advice: "adapters get their settings as arguments: pass them in from shared/services.ts",
  },
  {
    importer: /^shared\/(dataverse|campaign)\//,
    imported: /^shared\/(dataverse|campaign)\//,
    allowed: /^$/,
    advice: "one adapter does not know the other: what joins them is a flow in shared/flows/",
  },
];

/** Everything the file at `file` (path from the root) imports, types included: packages by name, own files by path from the root. */
export function importsOf(file: string, source: string): string[] {
  const { module, errors } = parseSync(file, source);
  const [error] = errors;
  if (error) throw new Error(`${file}: ${error.message}`);
  const specifiers = [
    ...module.staticImports.map((statement) => statement.moduleRequest.value),
    ...module.staticExports.flatMap((statement) =>
      statement.entries.flatMap((entry) => (entry.moduleRequest ? [entry.moduleRequest.value] : [])),
    ),
    ...module.dynamicImports.map(({ moduleRequest }) =>
      source.slice(moduleRequest.start, moduleRequest.end).replace(/^["'`]|["'`]$/g, ""),
    ),
  ];
  return [...new Set(specifiers)].map((specifier) =>
    specifier.startsWith(".") ? posix.join(posix.dirname(file), specifier).replace(/\.js$/, ".ts") : specifier,
  );
}

/** The imports of one file that the rules forbid. */
export function violationsOf(file: string, source: string): Violation[] {
  return importsOf(file, source).flatMap((imported) => {
    const ownFolder = file.split("/").slice(0, 2).join("/");
    const byPackage = packageRules.filter(
      (rule) => /^(functions|shared)\//.test(file) && rule.imported.test(imported) && !rule.allowed.test(file),
    );
    const byLayer = layerRules.filter(
      (rule) => rule.importer.test(file) && rule.imported.test(imported) && !imported.startsWith(`${ownFolder}/`),
    );
    return [...byPackage, ...byLayer].map(({ advice }) => ({ file, imported, advice }));
  });
}
