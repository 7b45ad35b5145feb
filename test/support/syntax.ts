// A source file as its syntax tree, with what is needed to say which literals an expression can be: its constants, its imports, the calls in it. What is
// looked for in it is the caller's business.

import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { parseSync } from "oxc-parser";

/** A node of the tree (ESTree); members as the parser has them. */
export type Node = { type: string; start: number; end: number } & Readonly<Record<string, unknown>>;

/** A file's tree and what its names stand for. */
export interface SourceTree {
  file: string;
  text: string;
  nodes: readonly Node[];
  /** Initial values by the name of the constant; a name may stand for several, one in each function. */
  constants: ReadonlyMap<string, readonly Node[]>;
  /** Where imported names are from: own files only. */
  imports: ReadonlyMap<string, { file: string; name: string }>;
  /** Functions with a name, by it. */
  functions: ReadonlyMap<string, readonly Node[]>;
}

/** All TypeScript files below a folder, by their paths from the root. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => posix.join(folder, path.replaceAll("\\", "/")))
    .filter((path) => path.endsWith(".ts"))
    .sort();
}

const trees = new Map<string, SourceTree>();

/** The tree of a file; parsed once. */
export function treeOf(file: string): SourceTree {
  const known = trees.get(file);
  if (known) return known;
  const tree = makeTree(file, readFileSync(file, "utf8"));
  trees.set(file, tree);
  return tree;
}

/** The tree of a text that stands for a file. */
export function makeTree(file: string, text: string): SourceTree {
  const { program, errors } = parseSync(file, text);
  const [error] = errors;
  if (error) throw new Error(`${file}: ${error.message}`);
  const nodes = [...nodesBelow(program)];
  const constants = new Map<string, Node[]>();
  const functions = new Map<string, Node[]>();
  const imports = new Map<string, { file: string; name: string }>();
  for (const node of nodes) {
    const name = nameOf(child(node, "id")) ?? nameOf(child(node, "key"));
    const value = child(node, "init") ?? (node.type === "Property" ? child(node, "value") : undefined);
    if (node.type === "VariableDeclarator" && name !== undefined && value) append(constants, name, value);
    if (node.type === "FunctionDeclaration" && name !== undefined) append(functions, name, node);
    if (name !== undefined && value && isFunction(value)) append(functions, name, value);
    if (node.type === "ImportDeclaration") {
      const from = String(child(node, "source")?.value ?? "");
      if (!from.startsWith(".")) continue;
      const target = posix.join(posix.dirname(file), from).replace(/\.js$/, ".ts");
      for (const specifier of children(node, "specifiers")) {
        const local = nameOf(child(specifier, "local"));
        const imported = nameOf(child(specifier, "imported"));
        if (local !== undefined && imported !== undefined) imports.set(local, { file: target, name: imported });
      }
    }
  }
  return { file, text, nodes, constants, imports, functions };
}

/** What an expression can be: its literals, and the parts of it that nobody can tell without running it. */
export interface Possible {
  literals: string[];
  unknown: Node[];
}

/** Every string that `node` can be: through choices, constants of this file and of others, and arguments of calls of the function it is a parameter of. */
export function possibleStrings(tree: SourceTree, node: Node | undefined, depth = 0): Possible {
  if (!node || depth > 8) return { literals: [], unknown: node ? [node] : [] };
  const of = (...parts: (Node | undefined)[]): Possible =>
    join(parts.map((part) => possibleStrings(tree, part, depth + 1)));
  switch (node.type) {
    case "Literal":
      return { literals: typeof node.value === "string" ? [node.value] : [], unknown: [] };
    case "ConditionalExpression":
      return of(child(node, "consequent"), child(node, "alternate"));
    case "LogicalExpression":
      return of(child(node, "left"), child(node, "right"));
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "ParenthesizedExpression":
      return of(child(node, "expression"));
    case "CallExpression":
      return nameOf(child(node, "callee")) === "String"
        ? of(children(node, "arguments")[0])
        : { literals: [], unknown: [node] };
    case "Identifier":
      return possibleOfName(tree, node, depth);
    default:
      return { literals: [], unknown: [node] };
  }
}

function possibleOfName(tree: SourceTree, node: Node, depth: number): Possible {
  const name = nameOf(node) ?? "";
  const passed = argumentsFor(tree, node, name);
  if (passed) return join(passed.map((argument) => possibleStrings(tree, argument, depth + 1)));
  const values = tree.constants.get(name);
  if (values) return join(values.map((value) => possibleStrings(tree, value, depth + 1)));
  const imported = tree.imports.get(name);
  if (!imported) return { literals: [], unknown: [node] };
  const there = treeOf(imported.file);
  const found = there.constants.get(imported.name) ?? [];
  return join(found.map((value) => possibleStrings(there, value, depth + 1)));
}

/** If `name` is, at `node`, a plain parameter of a function with a name: what this file's calls of it hand over. */
function argumentsFor(tree: SourceTree, node: Node, name: string): Node[] | undefined {
  for (const [called, declarations] of tree.functions) {
    for (const declaration of declarations) {
      if (node.start < declaration.start || node.end > declaration.end) continue;
      const place = children(declaration, "params").findIndex((param) => nameOf(param) === name);
      if (place < 0) continue;
      const calls = tree.nodes.filter((one) => one.type === "CallExpression" && calleeName(one) === called);
      return calls.flatMap((call) => children(call, "arguments").slice(place, place + 1));
    }
  }
  return undefined;
}

function join(all: readonly Possible[]): Possible {
  return { literals: all.flatMap(({ literals }) => literals), unknown: all.flatMap(({ unknown }) => unknown) };
}

/** `refuse` of `refuse(…)`, `error` of `log.error(…)`. */
export function calleeName(call: Node): string | undefined {
  const callee = child(call, "callee");
  return nameOf(callee) ?? nameOf(child(callee, "property"));
}

/** The name of an identifier, or of a key that is written as a string. */
export function nameOf(node: Node | undefined): string | undefined {
  if (node?.type === "Identifier") return String(node.name);
  return node?.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}

/** The node under a member. */
export function child(node: Node | undefined, member: string): Node | undefined {
  const value = node?.[member];
  return isNode(value) ? value : undefined;
}

/** The nodes in a list under a member. */
export function children(node: Node | undefined, member: string): Node[] {
  const value = node?.[member];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** `file:line` of a node. */
export function placeOf({ file, text }: SourceTree, { start }: Node): string {
  return `${file}:${text.slice(0, start).split("\n").length}`;
}

function isFunction({ type }: Node): boolean {
  return type === "ArrowFunctionExpression" || type === "FunctionExpression";
}

function append<Value>(map: Map<string, Value[]>, name: string, value: Value): void {
  map.set(name, [...(map.get(name) ?? []), value]);
}

function* nodesBelow(value: unknown): Generator<Node> {
  if (Array.isArray(value)) {
    for (const one of value) yield* nodesBelow(one);
  } else if (isNode(value)) {
    yield value;
    for (const member of Object.values(value)) if (typeof member === "object") yield* nodesBelow(member);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
