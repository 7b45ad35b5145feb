// The expressions of $filter as a tree, and the parser from text. What they mean for a row is in compile.ts.
import { badQuery } from "../errors.js";
import { type Token, tokenize } from "./tokens.js";

/** A literal; dates and GUIDs keep their text, enum members only their name. */
export interface Literal {
  kind: "literal";
  type: "string" | "number" | "boolean" | "null" | "guid" | "date" | "enum";
  value: string | number | boolean | null;
}
/** A property, or a path over navigation properties. */
export interface Path {
  kind: "path";
  segments: string[];
}
export type CompareOperator = "eq" | "ne" | "gt" | "ge" | "lt" | "le";
export type Expression =
  | Literal
  | Path
  | { kind: "compare"; operator: CompareOperator; left: Expression; right: Expression }
  | { kind: "and" | "or"; left: Expression; right: Expression }
  | { kind: "not"; operand: Expression }
  | { kind: "call"; name: string; args: Expression[] }
  | { kind: "function"; name: string; args: Map<string, Literal | Literal[]> }
  | { kind: "lambda"; quantifier: "any" | "all"; path: string[]; variable: string; body: Expression | undefined };

/** A reader of tokens; also used for $apply and function calls in paths. */
export interface TokenReader {
  peek(ahead?: number): Token | undefined;
  next(): Token;
  /** Takes the next token if it has this text. */
  take(text: string): boolean;
  expect(text: string): void;
  atEnd(): boolean;
}

/** Reads `text` token by token. */
export function makeTokenReader(text: string): TokenReader {
  const tokens = tokenize(text);
  let at = 0;
  const fail = (found: string, wanted: string): never => {
    throw badQuery(
      `Syntax error at position ${tokens[at]?.position ?? text.length} in '${text}': found '${found}'${wanted}.`,
    );
  };
  return {
    peek: (ahead = 0) => tokens[at + ahead],
    next() {
      const token = tokens[at];
      if (!token) return fail("end of expression", "");
      at += 1;
      return token;
    },
    take(wanted) {
      const token = tokens[at];
      if (token?.text !== wanted || token.type === "string") return false;
      at += 1;
      return true;
    },
    expect(wanted) {
      const token = tokens[at];
      if (token?.text !== wanted || token.type === "string")
        fail(token?.text ?? "end of expression", `, expected '${wanted}'`);
      at += 1;
    },
    atEnd: () => at >= tokens.length,
  };
}

const COMPARE = new Set<string>(["eq", "ne", "gt", "ge", "lt", "le"]);

/** The literal a token stands for; undefined when it is a name or punctuation. */
export function toLiteral(token: Token): Literal | undefined {
  const { type, text } = token;
  if (type === "string" || type === "enum") return { kind: "literal", type, value: text };
  if (type === "guid") return { kind: "literal", type: "guid", value: text.toLowerCase() };
  if (type === "date") return { kind: "literal", type: "date", value: text };
  if (type === "number") return { kind: "literal", type: "number", value: Number(text) };
  if (type !== "name") return undefined;
  if (text === "null") return { kind: "literal", type: "null", value: null };
  if (text === "true" || text === "false") return { kind: "literal", type: "boolean", value: text === "true" };
  return undefined;
}

/** Parses one value: a literal, a collection in brackets, or an alias. `aliases` are the request's `@name` parameters. */
export function parseValue(reader: TokenReader, aliases: ReadonlyMap<string, string>): Literal | Literal[] {
  if (reader.take("[")) {
    const values: Literal[] = [];
    while (!reader.take("]")) {
      const value = parseValue(reader, aliases);
      if (Array.isArray(value)) throw badQuery("A collection cannot contain a collection.");
      values.push(value);
      if (!reader.take(",") && reader.peek()?.text !== "]") reader.expect("]");
    }
    return values;
  }
  const token = reader.next();
  if (token.type === "name" && token.text.startsWith("@")) {
    const text = aliases.get(token.text);
    if (text === undefined) throw badQuery(`The parameter alias '${token.text}' has no value.`);
    return parseValue(makeTokenReader(text), new Map());
  }
  const literal = toLiteral(token);
  if (!literal) throw badQuery(`Found '${token.text}' where a value was expected.`);
  return literal;
}

/** Parses the arguments of a query function up to the closing parenthesis: `PropertyName='x',PropertyValues=["a"]`. */
export function parseNamedArguments(
  reader: TokenReader,
  aliases: ReadonlyMap<string, string>,
): Map<string, Literal | Literal[]> {
  const args = new Map<string, Literal | Literal[]>();
  while (!reader.take(")")) {
    const name = reader.next().text;
    reader.expect("=");
    args.set(name, parseValue(reader, aliases));
    if (!reader.take(",") && reader.peek()?.text !== ")") reader.expect(")");
  }
  return args;
}

/** Parses a whole $filter. Throws 400 for anything that is not one. */
export function parseFilter(text: string, aliases: ReadonlyMap<string, string> = new Map()): Expression {
  const reader = makeTokenReader(text);
  const expression = parseExpression(reader, aliases);
  if (!reader.atEnd()) throw badQuery(`Syntax error in '${text}': unexpected '${reader.next().text}'.`);
  return expression;
}

/** Parses an expression as far as it goes. */
export function parseExpression(reader: TokenReader, aliases: ReadonlyMap<string, string>): Expression {
  const parseOr = (): Expression => {
    let left = parseAnd();
    while (reader.take("or")) left = { kind: "or", left, right: parseAnd() };
    return left;
  };
  const parseAnd = (): Expression => {
    let left = parseNot();
    while (reader.take("and")) left = { kind: "and", left, right: parseNot() };
    return left;
  };
  const parseNot = (): Expression => (reader.take("not") ? { kind: "not", operand: parseNot() } : parseComparison());
  const parseComparison = (): Expression => {
    const left = parsePrimary();
    const operator = reader.peek();
    if (operator?.type !== "name" || !COMPARE.has(operator.text)) return left;
    reader.next();
    return { kind: "compare", operator: operator.text as CompareOperator, left, right: parsePrimary() };
  };
  const parsePrimary = (): Expression => {
    if (reader.take("(")) {
      const inner = parseOr();
      reader.expect(")");
      return inner;
    }
    const token = reader.peek();
    if (token?.type === "name" && reader.peek(1)?.text === "(" && !token.text.startsWith("@")) return parseCall();
    if (token?.type === "name" && !token.text.startsWith("@") && toLiteral(token) === undefined) return parsePath();
    const value = parseValue(reader, aliases);
    if (Array.isArray(value)) throw badQuery("A collection is only allowed as a value of a query function.");
    return value;
  };
  const parseCall = (): Expression => {
    const name = reader.next().text;
    reader.expect("(");
    if (name.includes("."))
      return { kind: "function", name: name.split(".").at(-1) ?? name, args: parseNamedArguments(reader, aliases) };
    const args: Expression[] = [];
    while (!reader.take(")")) {
      args.push(parseOr());
      if (!reader.take(",") && reader.peek()?.text !== ")") reader.expect(")");
    }
    return { kind: "call", name, args };
  };
  const parsePath = (): Expression => {
    const segments = [reader.next().text];
    while (reader.take("/")) {
      const { text } = reader.next();
      if ((text === "any" || text === "all") && reader.take("(")) return parseLambda(text, segments);
      segments.push(text);
    }
    return { kind: "path", segments };
  };
  const parseLambda = (quantifier: "any" | "all", path: string[]): Expression => {
    if (reader.take(")")) return { kind: "lambda", quantifier, path, variable: "", body: undefined };
    const variable = reader.next().text;
    reader.expect(":");
    const body = parseOr();
    reader.expect(")");
    return { kind: "lambda", quantifier, path, variable, body };
  };
  return parseOr();
}
