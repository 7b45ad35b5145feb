/** Something that is wrong, by a code for programs; `about`: which of several. */
export interface Named {
  code: string;
  about?: string;
}

/** The same, and since when (ISO) that is known. */
export type Standing<Finding extends Named> = Finding & { since: string };

/** What is wrong now, with what began and what ended since the last look. */
export interface Stand<Finding extends Named> {
  findings: readonly Standing<Finding>[];
  news: readonly Standing<Finding>[];
  ended: readonly Standing<Finding>[];
}

/** Compares what was found `now` (ISO) with what was known: what stands goes on since it began. */
export function stand<Finding extends Named>(
  found: readonly Finding[],
  before: readonly Standing<Finding>[],
  now: string,
): Stand<Finding> {
  const known = new Map(before.map((finding) => [keyOf(finding), finding]));
  const findings = found.map((finding) => ({ ...finding, since: known.get(keyOf(finding))?.since ?? now }));
  const still = new Set(findings.map(keyOf));
  return {
    findings,
    news: findings.filter((finding) => !known.has(keyOf(finding))),
    ended: [...known.values()].filter((finding) => !still.has(keyOf(finding))),
  };
}

function keyOf({ code, about = "" }: Named): string {
  return `${code}/${about}`;
}
