// What a file declares, and how to read one declaration. No judgement here.

import type { Node } from "web-tree-sitter";
import { type BicepFile, nodesOf } from "./parse.js";

export type DeclarationKind = "param" | "var" | "resource" | "module" | "output" | "type" | "func" | "import";

/** One declared name. `symbol`: as written in a resource or module, e.g. `Microsoft.Web/sites@2024-04-01`, or `modules/x.bicep`; of an import its file. */
export interface Declaration {
  kind: DeclarationKind;
  name: string;
  node: Node;
  symbol: string | undefined;
  isExisting: boolean;
  decorators: readonly string[];
}

const kinds: Readonly<Record<string, DeclarationKind>> = {
  parameter_declaration: "param",
  variable_declaration: "var",
  resource_declaration: "resource",
  module_declaration: "module",
  output_declaration: "output",
  type_declaration: "type",
  user_defined_function: "func",
};

/** Every declaration of a file in order. */
export function declarationsOf({ root }: BicepFile): Declaration[] {
  const found: Declaration[] = [];
  let decorators: string[] = [];
  for (const node of root.namedChildren) {
    if (node.type === "decorators") {
      decorators = node.namedChildren.map((one) => one.namedChildren[0]?.namedChildren[0]?.text ?? "");
      continue;
    }
    const kind = kinds[node.type];
    const names = node.namedChildren.filter(({ type }) => type === "identifier");
    const symbol = textOf(node.namedChildren.find(({ type }) => type === "string"));
    const isExisting = node.children.some(({ type }) => type === "existing");
    if (kind && names[0]) found.push({ kind, name: names[0].text, node, symbol, isExisting, decorators });
    if (node.type === "import_functionality")
      for (const name of names) found.push({ kind: "import", name: name.text, node, symbol, isExisting, decorators });
    if (node.type !== "comment") decorators = [];
  }
  return found;
}

/** The text of a string without interpolation; of anything else nothing. */
export function textOf(node: Node | undefined): string | undefined {
  if (node?.type !== "string" || node.namedChildren.some(({ type }) => type === "interpolation")) return undefined;
  return node.text.replaceAll(/^'+|'+$/g, "");
}

/** The object that a resource or module is made of, inside its condition or loop. */
export function bodyOf({ node }: Declaration): Node | undefined {
  let at: Node | undefined = node.namedChildren.at(-1);
  while (at && at.type !== "object") at = at.namedChildren.at(-1);
  return at;
}

/** The properties of an object by name; keys with interpolation under their source text. */
export function propertiesOf(object: Node | undefined): Map<string, Node> {
  const properties = new Map<string, Node>();
  if (object?.type !== "object") return properties;
  for (const property of object.namedChildren) {
    const [key, value] = property.namedChildren.filter(({ type }) => type !== "comment");
    if (property.type === "object_property" && key && value) properties.set(textOf(key) ?? key.text, value);
  }
  return properties;
}

/** The value of `a.b.c` in an object of literals. */
export function at(object: Node | undefined, path: string): Node | undefined {
  return path.split(".").reduce<Node | undefined>((node, name) => propertiesOf(node).get(name), object);
}

/** What a variable or an output is set to. */
export function expressionOf({ node }: Declaration): Node | undefined {
  return node.namedChildren.at(-1);
}

/** A literal as JavaScript has it; throws for anything that must be computed. */
export function literalOf(node: Node): unknown {
  const text = textOf(node);
  if (text !== undefined) return text;
  if (node.type === "number") return Number(node.text);
  if (node.type === "boolean") return node.text === "true";
  if (node.type === "array") return node.namedChildren.filter(({ type }) => type !== "comment").map(literalOf);
  if (node.type === "object")
    return Object.fromEntries([...propertiesOf(node)].map(([name, value]) => [name, literalOf(value)]));
  throw new Error(`${node.type} at line ${node.startPosition.row + 1} is not a literal`);
}

/** The outermost objects of an expression: of `on ? {…} : {…}` both. */
export function nodesOfObjects(node: Node | undefined): Node[] {
  if (!node) return [];
  return node.type === "object" ? [node] : node.namedChildren.flatMap(nodesOfObjects);
}

/** Is the node inside a decorator, such as a description? */
export function isDecoration(node: Node): boolean {
  for (let one: Node | null = node; one; one = one.parent) if (one.type === "decorator") return true;
  return false;
}

/** Identifiers below `node` that stand for a value; each with what it is called. */
export function referencesIn(node: Node): Node[] {
  return [...nodesOf(node)].filter((one) => one.type === "identifier" && !isName(one) && !isDecoration(one));
}

const declaring = new Set([...Object.keys(kinds), "import_functionality", "parameter", "for_loop_parameters"]);

/** Does the identifier name something new, or a property, instead of standing for a value? */
function isName(node: Node): boolean {
  const parent = node.parent;
  if (!parent) return false;
  const isFirst = parent.namedChildren[0]?.id === node.id;
  if (parent.type === "import_functionality") return true;
  if (declaring.has(parent.type) && isFirst) return true;
  if (parent.type === "object_property" && isFirst) return true;
  return parent.type === "for_statement" && parent.childForFieldName("initializer")?.id === node.id;
}
