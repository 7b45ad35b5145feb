import { type CompiledMapping, compileMapping } from "./compile.js";
import { validateMapping } from "./validate.js";

/** A stored document made ready, or the first reason why this version of the app cannot use it: another one published it. */
export function compileText(text: string): { mapping: CompiledMapping } | { problem: string } {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { problem: "the document is not JSON" };
  }
  const validated = validateMapping(document);
  if ("mapping" in validated) return { mapping: compileMapping(validated.mapping) };
  const [first] = validated.problems;
  return { problem: [first?.path, first?.problem].filter(Boolean).join(": ") };
}
