// Which settings the Function App gets, and how each one comes by its value.

import type { Node } from "web-tree-sitter";
import {
  at,
  bodyOf,
  type Declaration,
  declarationsOf,
  expressionOf,
  nodesOfObjects,
  propertiesOf,
} from "./declarations.js";
import type { BicepFile } from "./parse.js";

/** One setting. `vault`: a reference to a secret; `chosen`: whoever deploys may give it; `set`: the template gives it. */
export interface AppSetting {
  name: string;
  by: "vault" | "chosen" | "set";
}

/** The settings of the app that `file` makes; `types` has the types that parameters may have. */
export function appSettingsOf(file: BicepFile, types: BicepFile): AppSetting[] {
  const declarations = declarationsOf(file);
  const values = declarations.find(
    ({ symbol, node }) => symbol?.startsWith("Microsoft.Web/sites/config@") && node.text.includes("'appsettings'"),
  );
  const parts = values && at(bodyOf(values), "properties")?.childForFieldName("arguments")?.namedChildren;
  if (!parts) throw new Error(`${file.path} sets no app settings by union(…)`);
  return parts.flatMap(({ text }) => {
    const part = declarations.find(({ name, kind }) => name === text && (kind === "param" || kind === "var"));
    if (!part) throw new Error(`${file.path} takes app settings from ${text}, which is no variable or parameter`);
    return part.kind === "param" ? chosen(part, types) : set(part);
  });
}

function set(part: Declaration): AppSetting[] {
  return nodesOfObjects(expressionOf(part)).flatMap((object) =>
    [...propertiesOf(object)].map(([name, value]) => ({ name, by: isReference(value) ? "vault" : "set" }) as const),
  );
}

function chosen(part: Declaration, types: BicepFile): AppSetting[] {
  const type = part.node.namedChildren.find((node) => node.type === "type")?.text;
  const declaration = declarationsOf(types).find(({ kind, name }) => kind === "type" && name === type);
  const object = declaration && expressionOf(declaration);
  return [...propertiesOf(object)].map(([name]) => ({ name, by: "chosen" }));
}

function isReference(value: Node): boolean {
  return value.type === "call_expression" && value.childForFieldName("function")?.text === "secretOf";
}
