// Every code that the product can show, read off the syntax tree of its source: what is thrown, refused, found, raised and logged. What each of them means is
// docs/errors.md; that it has them all is test/infra/error-catalogue.test.ts.

import {
  calleeName,
  child,
  children,
  filesBelow,
  type Node,
  nameOf,
  placeOf,
  possibleStrings,
  type SourceTree,
  treeOf,
} from "./syntax.js";

/** Sections of docs/errors.md. */
export type Family =
  | "kind"
  | "failure"
  | "dynamics"
  | "control"
  | "notice"
  | "finding"
  | "skipped"
  | "alarm"
  | "gate"
  | "rule"
  | "log";

/** A code and where it is given. */
export interface FoundCode {
  family: Family;
  code: string;
  at: string;
}

/** A place that gives a code nobody can read there. */
export interface HiddenCode {
  at: string;
  text: string;
}

/** Sets of codes that are declared at one place: a union of literals, a list, or an object with a member for each. */
const declared: Readonly<Record<string, Family>> = {
  "shared/errors.ts ErrorKind": "kind",
  "shared/flows/receive-notice.ts IgnoredReason": "notice",
  "shared/flows/egress-ports.ts EventFinding": "finding",
  "shared/flows/egress-ports.ts SkipReason": "skipped",
  "shared/flows/alarms.ts alarmKinds": "alarm",
  "shared/control/redrive.ts skipReasons": "control",
  "shared/storage/gate-state.ts GateKind": "gate",
  "shared/optout/decide.ts optOutRules": "rule",
};

/** Sets of words by such a name that are no errors. */
const noErrors: ReadonlySet<string> = new Set([
  "shared/flows/reconcile-ports.ts differenceKinds",
  "shared/flows/gauges.ts gaugeKinds",
]);

const looksLikeCodes = /(Reason|Code|Kind|Rule|Finding)s?$/;

/** All codes of the product, and the places where one is given that cannot be read there. */
export function codesInSource(): { codes: FoundCode[]; hidden: HiddenCode[]; undeclared: string[] } {
  const trees = [...filesBelow("shared"), ...filesBelow("functions")].map(treeOf);
  const helpers = [...filesBelow("infra/dataverse"), ...filesBelow("infra/doctor")].map(treeOf);
  const sets = trees.flatMap((tree) => tree.nodes.flatMap((node) => declaredSet(tree, node)));
  const codes = sets.flatMap(({ name, words, at }) => {
    const family = declared[name];
    return family ? words.map((code) => ({ family, code, at })) : [];
  });
  const thrown = trees.map(thrownCodes);
  const elsewhere = new Set(
    codes.filter(({ family }) => family === "finding" || family === "alarm").map(({ code }) => code),
  );
  return {
    codes: [
      ...codes,
      ...thrown.flatMap((one) => one.codes).filter(({ family, code }) => family !== "failure" || !elsewhere.has(code)),
      ...trees.flatMap(logLines),
      ...[...trees, ...helpers].flatMap(vendorCodes),
    ],
    hidden: thrown.flatMap((one) => one.hidden),
    undeclared: sets.map(({ name }) => name).filter((name) => !(name in declared) && !noErrors.has(name)),
  };
}

/** What is thrown and refused in a file. */
export function thrownCodes(tree: SourceTree): { codes: FoundCode[]; hidden: HiddenCode[] } {
  const codes: FoundCode[] = [];
  const hidden: HiddenCode[] = [];
  const give = (family: Family, node: Node | undefined, mustBeRead: boolean): void => {
    if (!node) return;
    const { literals, unknown } = possibleStrings(tree, node);
    codes.push(...literals.map((code) => ({ family, code, at: placeOf(tree, node) })));
    // What another error, or a row of a table in this file, calls `code` was given there.
    const unread = unknown.filter((one) => (nameOf(child(one, "property")) ?? nameOf(one)) !== "code");
    if (mustBeRead && unread.length > 0) hidden.push({ at: tree.file, text: textOf(tree, node) });
  };
  const inControl = tree.file.startsWith("shared/control/");
  for (const node of tree.nodes) {
    const name = calleeName(node);
    if (node.type === "NewExpression" && /^(Refused|Table)Error$/.test(name ?? ""))
      give("failure", children(node, "arguments")[1], true);
    if (node.type === "CallExpression" && inControl && name === "refuse")
      give("control", children(node, "arguments")[1], true);
    if (node.type === "Property" && nameOf(child(node, "key")) === "code" && !inControl)
      give("failure", child(node, "value"), false);
  }
  return { codes: codes.filter(({ code }) => code !== "" && code !== "custom"), hidden };
}

/** Event names of the lines at level warn and error: of `log.warn(…)`, of `const failed = …`, and of what stands for a log. */
function logLines(tree: SourceTree): FoundCode[] {
  if (!tree.file.startsWith("functions/")) return [];
  const calls = tree.nodes.filter((node) => {
    if (node.type !== "CallExpression") return false;
    const callee = child(node, "callee");
    const ofLog = /^log(Of\(.*\))?$/.test(textOf(tree, child(callee, "object"))) && calleeName(node) !== "info";
    return ofLog || calleeName(node) === "say";
  });
  const events = [
    ...calls.flatMap((call) => children(call, "arguments").slice(0, 1)),
    ...(tree.constants.get("failed") ?? []),
  ];
  const passed = tree.nodes
    .filter((node) => node.type === "Property" && nameOf(child(node, "key")) === "failed")
    .flatMap((node) => child(node, "value") ?? []);
  return [...events, ...passed].flatMap((node) =>
    possibleStrings(tree, node).literals.map((code) => ({ family: "log" as const, code, at: placeOf(tree, node) })),
  );
}

/** Dynamics' own codes that the product knows: `0x80040217`, as text or as a number. */
function vendorCodes(tree: SourceTree): FoundCode[] {
  return tree.nodes.flatMap((node) => {
    const code = node.type === "Literal" ? textOf(tree, node).replaceAll('"', "") : "";
    return /^0x8[0-9a-fA-F]{7}$/.test(code) ? [{ family: "dynamics" as const, code, at: placeOf(tree, node) }] : [];
  });
}

interface CodeSet {
  name: string;
  words: string[];
  at: string;
}

/** A set of codes that this node declares and exports. */
function declaredSet(tree: SourceTree, exported: Node): CodeSet[] {
  const declaration = exported.type === "ExportNamedDeclaration" ? child(exported, "declaration") : undefined;
  if (!declaration) return [];
  const declarator = children(declaration, "declarations")[0] ?? declaration;
  const name = nameOf(child(declarator, "id")) ?? "";
  const full = `${tree.file} ${name}`;
  if (!looksLikeCodes.test(name) && !(full in declared)) return [];
  const words = wordsOf(child(declarator, "init") ?? child(declaration, "typeAnnotation") ?? codeMember(declaration));
  return words.length > 0 ? [{ name: full, words, at: placeOf(tree, exported) }] : [];
}

/** The type of member `code` of an interface. */
function codeMember(declaration: Node): Node | undefined {
  const members = children(child(declaration, "body"), "body");
  return child(
    members.find((member) => nameOf(child(member, "key")) === "code"),
    "typeAnnotation",
  );
}

/** The words of a union of literals, a list of them, or an object with a member for each. */
function wordsOf(node: Node | undefined): string[] {
  switch (node?.type) {
    case "TSTypeAnnotation":
      return wordsOf(child(node, "typeAnnotation"));
    case "TSAsExpression":
    case "TSSatisfiesExpression":
      return wordsOf(child(node, "expression"));
    case "TSUnionType":
      return children(node, "types").flatMap((type) => wordsOf(child(type, "literal")));
    case "ArrayExpression":
      return children(node, "elements").flatMap(wordsOf);
    case "ObjectExpression":
      return children(node, "properties").flatMap((property) => nameOf(child(property, "key")) ?? []);
    case "Literal":
      return nameOf(node) === undefined ? [] : [String(node.value)];
    default:
      return [];
  }
}

function textOf({ text }: SourceTree, node: Node | undefined): string {
  return node ? text.slice(node.start, node.end) : "";
}
