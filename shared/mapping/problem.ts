// What is wrong with a mapping, in words and by its path; and the schema's findings said that way. Pure.

import type { z } from "zod";

/** One thing wrong with a mapping or worth a second look, e.g. path `fields[3].target`, and how to put it right. */
export interface MappingProblem {
  path: string;
  problem: string;
  fix: string;
}

/** A path such as `fields[3].source.first[0]`. */
export function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}

/** The schema's issues as problems. Of a choice between shapes only the shape that was meant is spoken of. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], at: readonly PropertyKey[] = []): MappingProblem[] {
  return issues.flatMap((issue) => {
    const path = [...at, ...issue.path];
    if (issue.code === "invalid_union") {
      const meant = shapeMeant(issue.errors);
      return meant.length > 0 ? problemsOf(meant, path) : [toProblem(issue, path)];
    }
    if (issue.code === "invalid_key") return issue.issues.map((inner) => toProblem(inner, path));
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        path: pathOf([...path, key]),
        problem: "is not a member that a mapping has here",
        fix: "correct its spelling or remove it",
      }));
    }
    return [toProblem(issue, path)];
  });
}

function toProblem(issue: z.core.$ZodIssue, path: readonly PropertyKey[]): MappingProblem {
  const missing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
  return {
    path: pathOf(path),
    problem: missing ? "is missing" : issue.message,
    fix: missing ? "add it" : "see the table mapping schema for what may stand here",
  };
}

/** The shape whose members the document uses: members that do not belong weigh more than members that are missing or wrong. */
function shapeMeant(shapes: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const distance = (issues: readonly z.core.$ZodIssue[]): number =>
    issues.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" ? 2 * issue.keys.length : 1), 0);
  const possible = shapes.filter((issues) =>
    issues.some((issue) => issue.path.length > 0 || issue.code === "unrecognized_keys"),
  );
  const [best = []] = [...possible].sort((a, b) => distance(a) - distance(b));
  return best;
}
