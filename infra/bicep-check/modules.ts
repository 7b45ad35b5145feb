// Names across files: parameters and outputs of modules, imports, and parameter files against the template they are for.

import { posix } from "node:path";
import type { Node } from "web-tree-sitter";
import { at, bodyOf, type Declaration, declarationsOf, propertiesOf, textOf } from "./declarations.js";
import { type BicepFile, nodesOf, type Problem, problemAt } from "./parse.js";

/** Modules that are not there, parameters and outputs that do not fit. */
export function moduleProblems(file: BicepFile, files: ReadonlyMap<string, BicepFile>): Problem[] {
  const problems: Problem[] = [];
  const there = (symbol: string | undefined): BicepFile | undefined =>
    symbol === undefined ? undefined : files.get(posix.join(posix.dirname(file.path), symbol));
  const modules = new Map<string, BicepFile>();

  for (const declaration of declarationsOf(file)) {
    if (declaration.kind !== "module" && declaration.kind !== "import") continue;
    const target = there(declaration.symbol);
    if (!target) problems.push(problemAt(file, declaration.node, `${declaration.symbol} is not there`));
    else if (declaration.kind === "import") {
      const exported = declarationsOf(target).filter(({ decorators }) => decorators.includes("export"));
      if (!exported.some(({ name }) => name === declaration.name))
        problems.push(problemAt(file, declaration.node, `${declaration.symbol} exports no ${declaration.name}`));
    } else {
      modules.set(declaration.name, target);
      const given = propertiesOf(at(bodyOf(declaration), "params"));
      problems.push(...fits(file, declaration.node, target, given));
    }
  }
  for (const node of nodesOf(file.root)) {
    const [name, output] = outputRead(node);
    const target = name === undefined ? undefined : modules.get(name);
    if (target && !declarationsOf(target).some((one) => one.kind === "output" && one.name === output))
      problems.push(problemAt(file, node, `module ${name} has no output ${output}`));
  }
  return problems;
}

/** What is wrong with a parameter file: a template that is not there, parameters it does not have, or needs and does not get. */
export function parameterProblems(file: BicepFile, files: ReadonlyMap<string, BicepFile>): Problem[] {
  const using = file.root.namedChildren.find(({ type }) => type === "using_statement");
  const symbol = textOf(using?.namedChildren[0]);
  const template = symbol === undefined ? undefined : files.get(posix.join(posix.dirname(file.path), symbol));
  if (!template) return [problemAt(file, using ?? file.root, "is for no template that is there")];
  const given = new Map(declarationsOf(file).map(({ name, node }) => [name, node]));
  return fits(file, using ?? file.root, template, given);
}

function fits(file: BicepFile, node: Node, target: BicepFile, given: ReadonlyMap<string, Node>): Problem[] {
  const wanted = declarationsOf(target).filter(({ kind }) => kind === "param");
  const names = new Set(wanted.map(({ name }) => name));
  const unknown = [...given].filter(([name]) => !names.has(name));
  const missing = wanted.filter((param) => !given.has(param.name) && !hasDefault(param));
  return [
    ...unknown.map(([name, where]) => problemAt(file, where, `${target.path} has no parameter ${name}`)),
    ...missing.map(({ name }) => problemAt(file, node, `${target.path} needs parameter ${name}`)),
  ];
}

function hasDefault({ node }: Declaration): boolean {
  return node.children.some(({ type }) => type === "=");
}

/** `m.outputs.x` → m and x. */
function outputRead(node: Node): [string | undefined, string | undefined] {
  if (node.type !== "member_expression") return [undefined, undefined];
  const [, name, output] = /^(\w+)!?\.\??outputs\.\??(\w+)$/.exec(node.text) ?? [];
  return [name, output];
}
