// npm run doctor: what is wrong with an environment, before a deployment and after it. It only reads; --canary writes two records to Campaign and removes
// them. Ends with exit code 1 when something fails, and not for a warning. What each check means: docs/doctor.md.

import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { SyncError, safeMessage } from "../../shared/errors.js";
import { environmentOfCommand } from "../dataverse/client-from-settings.js";
import { type Area, areas } from "./check.js";
import { checksOf } from "./doctor.js";
import { hasFailed, reportJson, reportLines } from "./report.js";
import { runChecks } from "./run-checks.js";

const usage = `usage: npm run doctor -- [--only dynamics|campaign|deployment ...] [--url https://<app>/api] [--mappings FILE ...]
         [--name NAME] [--language LCID] [--client-id ID] [--canary] [--json FILE]
settings come from the environment, or from local.settings.json; the key for --url is CONTROL_KEY
--mappings: all documents that are, or are to be, in force together; without it those the app has in force, or the one that ships
--client-id: of the app's application user in Dynamics (the output identityClientId), where you sign in as somebody else
--canary: lets the check of keys write two records to Campaign, which it removes`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: "string", multiple: true, default: [] },
      url: { type: "string" },
      mappings: { type: "string", multiple: true, default: [] },
      name: { type: "string", default: "acs-sync" },
      language: { type: "string", default: "1033" },
      "client-id": { type: "string" },
      canary: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  const only = values.only.filter((area): area is Area => areas.some((known) => known === area));
  const isUsable = only.length === values.only.length && (positionals.length === 0 || values.mappings.length > 0);
  if (!isUsable) throw new Error(usage);
  const checks = checksOf({
    environment: environmentOfCommand(),
    only: new Set(only.length > 0 ? only : areas),
    url: values.url === undefined ? undefined : apiUrl(values.url),
    mappings: [...values.mappings, ...positionals],
    language: Number(values.language),
    name: values.name,
    clientId: values["client-id"] === undefined ? undefined : clientId(values["client-id"]),
    canary: values.canary,
    ownVersion: String(JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version),
  });
  if (checks.length === 0) throw new Error("the deployment is asked at --url https://<app>/api");

  const checked = await runChecks(checks, ({ area, name, asks }, number, of) =>
    // The report is for standard output alone.
    process.stderr.write(`[${number}/${of}] ${area}: ${name}: ${asks}\n`),
  );
  console.log(reportLines(checked).join("\n"));
  if (values.json !== undefined) writeFileSync(values.json, reportJson(checked, new Date()));
  if (hasFailed(checked)) process.exitCode = 1;
}

function clientId(given: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(given)) return given;
  throw new Error(`--client-id must be a GUID, not ${given}\n${usage}`);
}

/** Without trailing slash. A key goes there: only over TLS, but to this machine. */
function apiUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const isSafe =
    url?.protocol === "https:" || (url?.protocol === "http:" && /^(localhost|127\.|\[::1\])/.test(url.hostname));
  if (!url || !isSafe || url.search !== "" || !/\/api\/?$/.test(url.pathname)) {
    throw new Error(`--url must read https://<app>/api, not ${given}\n${usage}`);
  }
  return url.href.replace(/\/+$/, "");
}

main().catch((error: unknown) => {
  console.error(error instanceof SyncError || !(error instanceof Error) ? safeMessage(error) : error.message);
  process.exitCode = 1;
});
