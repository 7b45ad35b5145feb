/** Parses JSON; undefined when it is none. For answers of peers that send HTML when they are unwell. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
