// Resources by themselves: API versions, and what must be off or on whatever else is chosen. Roles are roles.ts.

import { at, bodyOf, declarationsOf } from "./declarations.js";
import { type BicepFile, type Problem, problemAt } from "./parse.js";

const form = /^Microsoft\.\w+(\/\w+)+@\d{4}-\d{2}-\d{2}(-preview)?$/;

/** Types that have nothing but a preview for what we need. */
const previews = new Set(["Microsoft.Insights/diagnosticSettings@2021-05-01-preview"]);

/** Properties that no parameter may change, by type. A resource whose symbol is in `but` has its reason in the file. */
const fixed: Readonly<Record<string, { path: string; value: string; but?: string }[]>> = {
  "Microsoft.ServiceBus/namespaces": [
    { path: "properties.disableLocalAuth", value: "true", but: "notices" },
    { path: "properties.minimumTlsVersion", value: "'1.2'" },
  ],
  "Microsoft.Storage/storageAccounts": [
    { path: "properties.allowSharedKeyAccess", value: "false" },
    { path: "properties.allowBlobPublicAccess", value: "false" },
    { path: "properties.supportsHttpsTrafficOnly", value: "true" },
    { path: "properties.minimumTlsVersion", value: "'TLS1_2'" },
  ],
  "Microsoft.KeyVault/vaults": [
    { path: "properties.enableRbacAuthorization", value: "true" },
    { path: "properties.enablePurgeProtection", value: "true" },
  ],
  "Microsoft.Insights/components": [{ path: "properties.DisableLocalAuth", value: "true" }],
  "Microsoft.Web/sites": [{ path: "properties.httpsOnly", value: "true" }],
};

/** Sends only, and on one queue: a policy on the namespace would open every queue of it. */
const policy = { type: "Microsoft.ServiceBus/namespaces/queues/authorizationRules", rights: "['Send']" };

/** Missing or preview API versions, two versions of one type, doors left open. */
export function resourceProblems(files: readonly BicepFile[]): Problem[] {
  const problems: Problem[] = [];
  const versions = new Map<string, string>();
  for (const file of files) {
    for (const declaration of declarationsOf(file).filter(({ kind }) => kind === "resource")) {
      const { symbol = "", node, name, isExisting } = declaration;
      const say = (problem: string) => problems.push(problemAt(file, node, problem));
      const [type = "", version = ""] = symbol.split("@");
      if (!form.test(symbol)) say(`${symbol} has no API version of the form @2024-01-31`);
      if (version.endsWith("-preview") && !previews.has(symbol)) say(`${symbol} is a preview`);
      const other = versions.get(type) ?? version;
      if (other !== version) say(`${type} is also used in version ${other}`);
      versions.set(type, other);
      if (isExisting) continue;
      const body = bodyOf(declaration);
      for (const { path, value, but } of fixed[type] ?? [])
        if (name !== but && at(body, path)?.text !== value) say(`${name} must have ${path}: ${value}`);
      if (
        /\/authorizationRules$/i.test(type) &&
        (type !== policy.type || at(body, "properties.rights")?.text !== policy.rights)
      )
        say(`${name} gives more than sending to one queue`);
    }
  }
  return problems;
}
