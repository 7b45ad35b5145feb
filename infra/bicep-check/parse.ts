// Bicep text to a syntax tree, by tree-sitter's grammar, and what is wrong with the text itself. What names mean is symbols.ts and what follows it.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Language, type Node, Parser } from "web-tree-sitter";

/** One thing that is wrong, with the place: `file:line`. */
export interface Problem {
  at: string;
  problem: string;
}

/** A file with its tree. Declarations of a parameter file (`param x = …`) are variables in the tree: the grammar knows parameters with a type only. */
export interface BicepFile {
  path: string;
  root: Node;
}

/** Loads the grammar. One parser serves any number of files. */
export async function makeBicepParser(): Promise<(path: string, text: string) => BicepFile> {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve("tree-sitter-bicep/package.json"));
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(join(folder, "tree-sitter-bicep.wasm")));
  return (path, text) => {
    const readable = path.endsWith(".bicepparam") ? text.replaceAll(/^param(?=\s)/gm, "var  ") : text;
    const tree = parser.parse(readable);
    if (!tree) throw new Error(`${path} was not parsed`);
    return { path, root: tree.rootNode };
  };
}

/** The problem of a node. */
export function problemAt(file: BicepFile, node: Node, problem: string): Problem {
  return { at: `${file.path}:${node.startPosition.row + 1}`, problem };
}

/** `node` and everything below it, outermost first. */
export function* nodesOf(node: Node): Generator<Node> {
  yield node;
  for (const child of node.children) yield* nodesOf(child);
}

/** Text that is no Bicep: what the grammar refuses, and lines that Bicep reads otherwise than the grammar, which takes any white space for the same. */
export function syntaxProblems(file: BicepFile): Problem[] {
  const problems: Problem[] = [];
  for (const node of nodesOf(file.root)) {
    if (node.isError) problems.push(problemAt(file, node, `is not Bicep: ${node.text.slice(0, 40)}`));
    else if (node.isMissing) problems.push(problemAt(file, node, `lacks ${node.type}`));
    else if (node.type === "object" || node.type === "array") problems.push(...crowded(file, node));
    else if (node.type === "binary_expression" || node.type === "ternary_expression") {
      const [operand, operator] = node.children;
      if (operand && operator && operator.startPosition.row > operand.endPosition.row)
        problems.push(problemAt(file, operator, "goes on with an operator at the start of a line"));
    } else if (node.type === "variable_declaration" || node.type === "parameter_declaration") {
      if (node.parent?.type !== "infrastructure") problems.push(problemAt(file, node, "is declared inside something"));
    }
  }
  return problems;
}

/** Entries of an object or array stand on lines of their own or have a comma between them. */
function crowded(file: BicepFile, node: Node): Problem[] {
  const problems: Problem[] = [];
  let last: Node | undefined;
  for (const child of node.children.slice(1, -1)) {
    if (child.type === "comment" || child.type === "diagnostic_comment") continue;
    const follows = last && last.type !== "," && last.type !== "decorators" && child.type !== ",";
    if (follows && last && last.endPosition.row === child.startPosition.row)
      problems.push(problemAt(file, child, "stands on the line of the entry before it without a comma"));
    last = child;
  }
  return problems;
}
