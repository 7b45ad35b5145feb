import { calleeName, child, children, filesBelow, nameOf, possibleStrings, treeOf } from "./syntax.js";

/** A function as functions/ registers it. */
export interface RegisteredFunction {
  name: string;
  isTimer: boolean;
}

/** Every function that functions/ registers, each once: `app.http("health", …)`, `app.timer(…)`, `runTimer({ name: "monitor" })`. */
export function registeredFunctions(): RegisteredFunction[] {
  const found = filesBelow("functions")
    .map(treeOf)
    .flatMap((tree) =>
      tree.nodes.flatMap((node): RegisteredFunction[] => {
        if (node.type !== "CallExpression") return [];
        const [first] = children(node, "arguments");
        const called = calleeName(node);
        const named = children(first, "properties").find((member) => nameOf(child(member, "key")) === "name");
        const isTimer = called === "timer" || called === "runTimer";
        const isOfApp = nameOf(child(child(node, "callee"), "object")) === "app";
        const name = isOfApp ? first : called === "runTimer" ? child(named, "value") : undefined;
        return possibleStrings(tree, name).literals.map((literal) => ({ name: literal, isTimer }));
      }),
    );
  return [...new Map(found.map((one) => [one.name, one])).values()];
}
