import { literalProblems } from "./literals.js";
import { moduleProblems, parameterProblems } from "./modules.js";
import { type BicepFile, type Problem, syntaxProblems } from "./parse.js";
import { resourceProblems } from "./resources.js";
import { roleProblems } from "./roles.js";
import { secretProblems, writtenSecrets } from "./secrets.js";
import { symbolProblems } from "./symbols.js";

/** Everything that is wrong with these files, as far as their text shows it. Names are judged only once all files are Bicep. */
export function checkBicep(files: readonly BicepFile[]): Problem[] {
  const syntax = files.flatMap(syntaxProblems);
  if (syntax.length > 0) return syntax;
  const byPath = new Map(files.map((file) => [file.path, file]));
  const templates = files.filter(({ path }) => path.endsWith(".bicep"));
  const parameters = files.filter(({ path }) => path.endsWith(".bicepparam"));
  const main = templates.find(({ path }) => /(^|\/)main\.bicep$/.test(path));
  return [
    ...files.flatMap(symbolProblems),
    ...templates.flatMap((file) => moduleProblems(file, byPath)),
    ...parameters.flatMap((file) => parameterProblems(file, byPath)),
    ...files.flatMap(literalProblems),
    ...templates.flatMap(secretProblems),
    ...parameters.flatMap((file) => (main ? writtenSecrets(file, main) : [])),
    ...templates.flatMap(roleProblems),
    ...resourceProblems(templates),
  ];
}
