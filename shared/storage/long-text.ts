import type { EntityValue } from "./entity-table.js";

/** Longest text in one property of Table Storage is 32,768 UTF-16 units; a longer one is cut into parts. */
const longestPart = 32_000;

/** Properties that hold `text` under `name`, `name__1` and so on; never cut through a surrogate pair, which would not survive the way as UTF-8. */
export function splitText(name: string, text: string): Record<string, EntityValue> {
  const parts: Record<string, EntityValue> = {};
  let start = 0;
  for (let part = 0; part === 0 || start < text.length; part += 1) {
    const cut = start + longestPart;
    const isPair = cut < text.length && isHighSurrogate(text.charCodeAt(cut - 1));
    const end = isPair ? cut - 1 : cut;
    parts[part === 0 ? name : `${name}__${part}`] = text.slice(start, end);
    start = end;
  }
  return parts;
}

/** The text that `splitText` put under `name`; undefined when there is none. */
export function joinText(name: string, values: Readonly<Record<string, EntityValue>>): string | undefined {
  const first = values[name];
  if (typeof first !== "string") return undefined;
  const parts = [first];
  for (let part = 1; ; part += 1) {
    const next = values[`${name}__${part}`];
    if (typeof next !== "string") return parts.join("");
    parts.push(next);
  }
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
