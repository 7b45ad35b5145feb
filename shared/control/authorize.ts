// Who is asking, and may they? The port behind which sign-in by Entra joins later; until then the host checks a function key.

import { isRefusal, type Refusal, refuse } from "./answer.js";

/** Whoever asks, as an id to be kept with what they did; never a name or an address. */
export interface Operator {
  operator: string;
}

/** What a decision about access may look at. `changes`: the request may change something. */
export interface AccessRequest {
  header(name: string): string | undefined;
  changes: boolean;
}

/** Answers who asks, or a refusal: 401 for nobody, 403 for somebody who may not. */
export type Authorize = (request: AccessRequest) => Promise<Operator | Refusal>;

/** Whoever holds the key and does not say who they are. */
export const unnamedOperator = "function-key";

const operatorId = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Whoever holds the function key, which the host has checked; they may say in `x-operator` which of them they are. */
export const holderOfTheKey: Authorize = async ({ header }) => {
  const given = header("x-operator");
  if (given === undefined) return { operator: unnamedOperator };
  if (operatorId.test(given)) return { operator: given };
  return refuse(400, "invalid-request", "the request is not right", [
    {
      path: "header.x-operator",
      problem: "is not an operator's id",
      fix: "give up to 64 letters, digits, dots, hyphens and underscores; no name and no address, for it is kept",
    },
  ]);
};

/** Narrowing helper of the router. */
export function isOperator(answer: Operator | Refusal): answer is Operator {
  return !isRefusal(answer);
}
