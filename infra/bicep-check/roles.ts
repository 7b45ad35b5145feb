// Who may do what. A role that is not here, or on a wider resource, is refused; to add one is to write its reason down.

import { at, bodyOf, declarationsOf, expressionOf, literalOf } from "./declarations.js";
import { type BicepFile, type Problem, problemAt } from "./parse.js";

/** Roles by their name in modules/roles.bicep: Azure's id, the resources they may be given on, why nothing narrower does. */
export const allowedRoles: Readonly<Record<string, { id: string; on: readonly string[]; why: string }>> = {
  storageBlobDataOwner: {
    id: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    on: ["storage"],
    why: "the least that the Functions host documents for AzureWebJobsStorage; it makes its containers itself",
  },
  storageTableDataContributor: {
    id: "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    on: ["storage"],
    why: "the app makes missing tables, which a role on single tables does not allow",
  },
  serviceBusDataReceiver: {
    id: "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
    on: ["changes", "changesDry", "noticesQueue"],
    why: "taking and peeking messages of one queue",
  },
  serviceBusDataSender: {
    id: "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
    on: ["changes", "changesDry"],
    why: "putting messages onto one queue",
  },
  keyVaultSecretsUser: {
    id: "4633458b-17de-408a-b874-0445c86b69e6",
    on: ["vault"],
    why: "reading secrets; the vault holds nothing that is not this app's",
  },
  keyVaultSecretsOfficer: {
    id: "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    on: ["vault"],
    why: "operators, never the app, put secrets in",
  },
  monitoringMetricsPublisher: {
    id: "3913510d-42f4-4e42-8a64-420c390055eb",
    on: ["insights"],
    why: "sending telemetry",
  },
};

/** The one file that may assign roles. */
const page = /(^|\/)modules\/roles\.bicep$/;
const operatorsOnly = "keyVaultSecretsOfficer";

/** Role assignments elsewhere, without reason, on something wide, of a role that is not allowed, or to the wrong principal. */
export function roleProblems(file: BicepFile): Problem[] {
  const problems: Problem[] = [];
  const declarations = declarationsOf(file);
  const ids = declarations.find(({ kind, name }) => kind === "var" && name === "roleIds");
  const idNode = ids && expressionOf(ids);
  const table = idNode ? (literalOf(idNode) as Record<string, unknown>) : {};
  for (const [role, id] of Object.entries(table))
    if (ids && allowedRoles[role]?.id !== id)
      problems.push(problemAt(file, ids.node, `${role} is not an allowed role or not its id`));

  for (const declaration of declarations) {
    const { node, name, symbol, decorators } = declaration;
    if (!symbol?.startsWith("Microsoft.Authorization/")) continue;
    const say = (problem: string) => problems.push(problemAt(file, node, `${name} ${problem}`));
    const body = bodyOf(declaration);
    const [, role = ""] =
      /^subscriptionResourceId\('Microsoft\.Authorization\/roleDefinitions', roleIds\.(\w+)\)$/.exec(
        at(body, "properties.roleDefinitionId")?.text ?? "",
      ) ?? [];
    const scope = at(body, "scope")?.text;
    const principal = at(body, "properties.principalId")?.text;
    if (!symbol.startsWith("Microsoft.Authorization/roleAssignments@")) say(`is ${symbol}`);
    if (!page.test(file.path)) say("assigns a role outside modules/roles.bicep");
    if (!decorators.includes("description")) say("gives no reason");
    if (!allowedRoles[role]) say("gives a role that is not in roleIds");
    else if (scope === undefined) say("is for the whole resource group");
    else if (!allowedRoles[role].on.includes(scope)) say(`gives ${role} on ${scope}`);
    if ((role === operatorsOnly) !== (principal === "operatorGroupId")) say(`gives ${role} to ${principal}`);
    if (at(body, "properties.principalType") === undefined) say("does not say what its principal is");
  }
  return problems;
}
