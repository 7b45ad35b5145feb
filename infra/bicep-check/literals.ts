// Text that should be a reference: hosts, which differ from cloud to cloud, ids, and regions.

import type { Node } from "web-tree-sitter";
import { isDecoration, textOf } from "./declarations.js";
import { type BicepFile, nodesOf, type Problem, problemAt } from "./parse.js";

/** Variables that may hold such text, because nothing in Bicep answers it. */
const allowed: Readonly<Record<string, string>> = {
  roleIds: "ids of built-in roles are the same everywhere",
  busZones: "no function answers the private zone of Service Bus",
  vaultZones: "no function answers the private zone of a vault",
};

const host =
  /\b[\w-]+\.(windows\.net|azure\.(com|net|us|cn)|microsoft\w*\.(com|us|cn)|azurewebsites\.net|\w+cloudapi\.(net|cn))\b/i;
const guid = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/i;

/** Literal hosts, GUIDs, resource ids and regions of a template. A parameter file is where values of one customer belong. */
export function literalProblems(file: BicepFile): Problem[] {
  if (file.path.endsWith(".bicepparam")) return [];
  const problems: Problem[] = [];
  for (const node of nodesOf(file.root)) {
    if (node.type !== "string" || isDecoration(node) || Object.hasOwn(allowed, variableOf(node))) continue;
    const { text } = node;
    if (host.test(text)) problems.push(problemAt(file, node, `has the host ${host.exec(text)?.[0]} written out`));
    if (guid.test(text)) problems.push(problemAt(file, node, "has a GUID written out"));
    if (/\/(subscriptions|resourceGroups)\//i.test(text))
      problems.push(problemAt(file, node, "has a resource id written out"));
    const region =
      node.parent?.type === "object_property" && node.parent.namedChildren[0]?.text === "location"
        ? textOf(node)
        : undefined;
    if (region !== undefined && region !== "global")
      problems.push(problemAt(file, node, `has the region ${region} written out`));
  }
  return problems;
}

function variableOf(node: Node): string {
  for (let at: Node | null = node; at; at = at.parent)
    if (at.type === "variable_declaration") return at.namedChildren[0]?.text ?? "";
  return "";
}
