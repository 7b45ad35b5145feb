// A plan as people read it: what is created (+), changed (~), removed (-) and left (=), by part, with explanations and warnings. Pure.

import type { Action } from "./action.js";
import { leftAlone, type Part } from "./part.js";

const signs = { create: "+", change: "~", remove: "-" } as const;

/** The plan as lines. */
export function planLines(parts: readonly Part[]): string[] {
  const actions = parts.flatMap((part) => part.actions);
  const count = (kind: Action["kind"]): number => actions.filter((action) => (action.kind ?? "change") === kind).length;
  const sum = `to create: ${count("create")}, to change: ${count("change")}, to remove: ${count("remove")}, as it should be: ${parts.flatMap(leftAlone).length}`;
  return [
    ...parts.flatMap(partLines),
    "",
    actions.length === 0 ? `nothing to do (${sum})` : sum,
    ...warningLines(parts),
  ];
}

function partLines(part: Part): string[] {
  const left = leftAlone(part);
  return [
    ...(part.title === "" ? [] : [part.title]),
    ...part.actions.flatMap((action) => [`  ${sign(action)} ${action.what}`, ...(action.details ?? []).map(indented)]),
    ...(left.length > 0 ? [`  = ${left.join(", ")}`] : []),
    // What is to be given is explained where it is listed.
    ...(part.actions.some(({ details }) => details) ? [] : (part.notes ?? []).map(indented)),
  ];
}

/** Warnings and what keeps `apply` from beginning. */
export function warningLines(parts: readonly Part[]): string[] {
  return [
    ...parts.flatMap(({ warnings = [] }) => warnings.map((text) => `warning: ${text}`)),
    ...parts.flatMap(({ blockers = [] }) => blockers.map((text) => `problem: ${text}`)),
  ];
}

function sign({ kind = "change" }: Action): string {
  return signs[kind];
}

function indented(line: string): string {
  return `      ${line}`;
}
