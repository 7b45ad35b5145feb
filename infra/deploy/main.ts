// npm run deploy | deploy:what-if: one environment into Azure with the Azure CLI, from the command line.

import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { requireRepositoryRoot } from "../repository-root.js";
import { makeAz } from "./az.js";
import { deploy, showWhatIf } from "./deploy.js";

const usage = `usage: deploy:what-if -- --env dev|stage|prod --resource-group NAME
       deploy         -- --env dev|stage|prod --resource-group NAME [--yes] [--wait-minutes 15]
                         [--replace-fingerprint-key]
values of your own come from the environment, as docs/deploy.md lists them`;

async function main(): Promise<void> {
  requireRepositoryRoot();
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      env: { type: "string" },
      "resource-group": { type: "string" },
      yes: { type: "boolean", default: false },
      "wait-minutes": { type: "string", default: "15" },
      "replace-fingerprint-key": { type: "boolean", default: false },
    },
  });
  const [command] = positionals;
  const { env: environment, "resource-group": resourceGroup } = values;
  const minutes = Number(values["wait-minutes"]);
  const isUsable = (command === "deploy" || command === "what-if") && minutes >= 0;
  if (!isUsable || environment === undefined || resourceGroup === undefined) throw new Error(usage);
  const options = {
    az: makeAz(process.env),
    env: process.env,
    environment,
    resourceGroup,
    directory: "dist",
    patience: { withinMs: minutes * 60_000, everyMs: 5_000 },
    say: (line: string) => console.log(line),
    confirm: async () => values.yes || ask("deploy this? (y/N) "),
    replaceFingerprintKey: values["replace-fingerprint-key"],
  };
  if (command === "what-if") return showWhatIf(options);
  if (!(await deploy(options))) process.exitCode = 1;
}

/** Only where somebody can answer; a pipeline says --yes. */
async function ask(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Error("nobody can be asked here: --yes deploys without asking");
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(question).finally(() => terminal.close());
  return /^y(es)?$/i.test(answer.trim());
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
