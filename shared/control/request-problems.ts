// What is wrong with a request, by path and with a fix. Never repeats a value: it may be a secret, or a person's.

import type { z } from "zod";
import { pathOf } from "../mapping/problem.js";
import type { RequestProblem } from "./answer.js";

/** A schema's findings as problems; `where` is `path`, `query` or `body`. */
export function requestProblems(where: string, error: z.ZodError | undefined): RequestProblem[] {
  return (error?.issues ?? []).flatMap((issue) => {
    const path = pathOf([where, ...issue.path]);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        path: pathOf([where, ...issue.path, key.slice(0, 60)]),
        problem: "is not known here",
        fix: "correct its spelling or leave it out",
      }));
    }
    return [{ path, ...wordsFor(issue) }];
  });
}

function wordsFor(issue: z.core.$ZodIssue): Omit<RequestProblem, "path"> {
  switch (issue.code) {
    case "invalid_type":
      return issue.message.endsWith("received undefined")
        ? { problem: "is missing", fix: `add it: ${aOrAn(issue.expected)}` }
        : { problem: `is not ${aOrAn(issue.expected)}`, fix: `give ${aOrAn(issue.expected)}` };
    case "invalid_value":
      return {
        problem: "is none of the values it may have",
        fix: `give one of ${issue.values.map(String).join(", ")}`,
      };
    case "too_big":
      return { problem: "is too large or too long", fix: `give at most ${issue.maximum}${unitOf(issue.origin)}` };
    case "too_small":
      return { problem: "is too small or too short", fix: `give at least ${issue.minimum}${unitOf(issue.origin)}` };
    case "invalid_format":
      return issue.format === "guid"
        ? { problem: "is not a GUID", fix: "give the record's id, such as 00000000-0000-4000-8000-000000000001" }
        : { problem: "does not have the form it must have", fix: issue.message };
    case "invalid_union":
      return { problem: "has none of the forms it may have", fix: "see docs/control-api.json for what may stand here" };
    default:
      return { problem: issue.message, fix: "see docs/control-api.json for what may stand here" };
  }
}

function unitOf(origin: string): string {
  if (origin === "string") return " characters";
  return origin === "array" ? " items" : "";
}

function aOrAn(expected: string): string {
  if (expected === "object" || expected === "record") return "an object";
  if (expected === "int") return "a whole number";
  return `${/^[aeio]/.test(expected) ? "an" : "a"} ${expected}`;
}
