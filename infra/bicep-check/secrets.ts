// Where secrets may stand: in @secure() parameters, on their way into the vault, and nowhere else.

import type { Node } from "web-tree-sitter";
import { type Declaration, declarationsOf, referencesIn, textOf } from "./declarations.js";
import { type BicepFile, type Problem, problemAt } from "./parse.js";

/** `…Secret`, `…Key`, `…Password`, but for the fingerprint of a host's key, which everybody may know. */
const sounds = /(secret|key|password|token)$/i;
const harmless = new Set(["sftpHostKey"]);

/** Secret parameters that are not marked, have a default, or are used for anything but a secret of the vault or a module's secret parameter. */
export function secretProblems(file: BicepFile): Problem[] {
  if (file.path.endsWith(".bicepparam")) return [];
  const declarations = declarationsOf(file);
  const secret = declarations.filter(({ kind, decorators }) => kind === "param" && decorators.includes("secure"));
  const names = new Set(secret.map(({ name }) => name));
  const unmarked = declarations.filter(
    ({ kind, name }) => kind === "param" && sounds.test(name) && !harmless.has(name) && !names.has(name),
  );
  const withDefault = secret.filter(({ node }) => /=\s*'[^']/.test(node.text));
  return [
    ...unmarked.map(({ node, name }) => problemAt(file, node, `${name} sounds like a secret and is not @secure()`)),
    ...withDefault.map(({ node, name }) => problemAt(file, node, `${name} has its secret written out`)),
    ...declarations.flatMap((declaration) =>
      referencesIn(declaration.node)
        .filter((node) => names.has(node.text) && !isSafe(node, declaration))
        .map((node) => problemAt(file, node, `${node.text} is used where others can read it`)),
    ),
  ];
}

/** Secrets that stand in a parameter file itself instead of coming from the environment of whoever deploys. */
export function writtenSecrets(file: BicepFile, template: BicepFile): Problem[] {
  const secure = new Set(
    declarationsOf(template)
      .filter(({ decorators }) => decorators.includes("secure"))
      .map(({ name }) => name),
  );
  return declarationsOf(file)
    .filter(({ name, node }) => secure.has(name) && textOf(node.namedChildren.at(-1)) !== undefined)
    .map(({ node, name }) => problemAt(file, node, `${name} is a secret and stands in the file`));
}

function isSafe(node: Node, { kind, symbol }: Declaration): boolean {
  if (node.parent?.type === "arguments" && node.parent.parent?.text.startsWith("empty(")) return true;
  const property = node.parent?.type === "object_property" ? node.parent.namedChildren[0]?.text : undefined;
  if (kind === "module") return property === node.text;
  return (
    kind === "resource" && symbol?.startsWith("Microsoft.KeyVault/vaults/secrets@") === true && property === "value"
  );
}
