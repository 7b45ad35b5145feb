// Names within one file: unknown, declared twice, never used. Names across files are modules.ts.

import type { Node } from "web-tree-sitter";
import { declarationsOf, referencesIn } from "./declarations.js";
import { type BicepFile, nodesOf, type Problem, problemAt } from "./parse.js";

/** Functions of Bicep that our files may call. Whatever is not here is refused until somebody looked it up. */
const functions = new Set(
  (
    "cidrSubnet concat contains dateTimeToEpoch empty endsWith environment filter first guid items join last length map " +
    "readEnvironmentVariable replace resourceGroup split startsWith string subscription subscriptionResourceId take tenant " +
    "toLower toUpper union uniqueString"
  ).split(" "),
);

const decorators = new Set(
  "allowed batchSize description export maxLength maxValue metadata minLength minValue sealed secure".split(" "),
);

/** Kinds that are there for others to use. A resource, a module or an output has its effect by being there. */
const forUse = new Set(["param", "var", "type", "func", "import"]);

/** Unknown, doubled and unused names of a file. */
export function symbolProblems(file: BicepFile): Problem[] {
  const declarations = declarationsOf(file);
  // Outputs have names of their own.
  const known = declarations.filter(({ kind }) => kind !== "output");
  const names = new Set(known.map(({ name }) => name));
  const used = new Set<string>();
  const problems: Problem[] = [];
  const isParameters = file.path.endsWith(".bicepparam");

  for (const node of referencesIn(file.root)) {
    const { text } = node;
    if (localsAt(node).has(text)) continue;
    if (isCalled(node) && functions.has(text)) continue;
    if (names.has(text)) used.add(text);
    else
      problems.push(
        problemAt(file, node, isCalled(node) ? `calls ${text}, which we do not know` : `${text} is unknown`),
      );
  }
  for (const node of nodesOf(file.root)) {
    const method = node.type === "call_expression" ? node.childForFieldName("function") : null;
    if (method && method.type !== "identifier")
      problems.push(problemAt(file, node, `calls ${method.text}: keys and secrets are not fetched in a template`));
    const decorator = node.type === "decorator" ? node.namedChildren[0]?.namedChildren[0]?.text : undefined;
    if (decorator !== undefined && !decorators.has(decorator))
      problems.push(problemAt(file, node, `@${decorator} is unknown`));
  }
  for (const [index, { kind, name, node, isExisting, decorators: marks }] of known.entries()) {
    if (known.findIndex((other) => other.name === name) !== index)
      problems.push(problemAt(file, node, `declares ${name} a second time`));
    const isForUse = !isParameters && (forUse.has(kind) || isExisting) && !marks.includes("export");
    if (isForUse && !used.has(name)) problems.push(problemAt(file, node, `${kind} ${name} is not used`));
  }
  return problems;
}

function isCalled(node: Node): boolean {
  return node.parent?.type === "call_expression" && node.parent.childForFieldName("function")?.id === node.id;
}

/** Names of loops, lambdas and a function's parameters that hold where the node stands. */
function localsAt(node: Node): Set<string> {
  const locals = new Set<string>();
  for (let at: Node | null = node; at; at = at.parent) {
    if (at.type === "for_statement") {
      const one = at.childForFieldName("initializer");
      const both = at.namedChildren.find(({ type }) => type === "for_loop_parameters")?.namedChildren ?? [];
      for (const local of one ? [one] : both) locals.add(local.text);
    } else if (at.type === "arguments") {
      // The grammar ends a lambda early, at its first operator: its names hold in all of the call.
      for (const below of nodesOf(at)) {
        const first = below.type === "lambda_expression" ? below.namedChildren[0] : undefined;
        for (const local of first?.type === "identifier" ? [first] : (first?.namedChildren ?? []))
          locals.add(local.text);
      }
    } else if (at.type === "user_defined_function") {
      for (const below of nodesOf(at)) {
        const name = below.type === "parameter" ? below.namedChildren[0] : undefined;
        if (name) locals.add(name.text);
      }
    }
  }
  return locals;
}
