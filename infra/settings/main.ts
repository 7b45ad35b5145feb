// npm run settings: table mappings as files, put in force in one environment or another. docs/settings-as-files.md.

import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { SyncError, safeMessage } from "../../shared/errors.js";
import { requireRepositoryRoot } from "../repository-root.js";
import { AppRefusal, makeSettingsApp } from "./app.js";
import { history, type PublishOptions, plan, promote, publish, rollBack } from "./commands.js";
import { type Environment, readEnvironment, readKey } from "./environments.js";
import type { Target } from "./plan.js";
import { pull, render } from "./pull.js";
import { exitCodes } from "./workplace.js";

const usage = `usage: npm run settings -- pull    --env NAME [--overwrite]
       npm run settings -- plan    --env NAME [--remove TABLE ...]
       npm run settings -- publish --env NAME [--remove TABLE ...] [--over VERSION] [--note TEXT] [--by ID]
       npm run settings -- promote --from NAME --to NAME [--remove TABLE ...] [--publish [--over VERSION] [--note TEXT] [--by ID]]
       npm run settings -- history --env NAME
       npm run settings -- render  --env NAME --out FOLDER
       npm run settings -- rollback --env NAME --version VERSION [--over VERSION] [--note TEXT] [--by ID]
all: [--folder mappings] [--environments environments.json]; keys come from CONTROL_KEY_<NAME>
exit codes: 0 nothing differs, or done; 2 something differs; 1 it cannot be done`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      env: { type: "string" },
      from: { type: "string" },
      to: { type: "string" },
      folder: { type: "string", default: "mappings" },
      environments: { type: "string", default: "environments.json" },
      remove: { type: "string", multiple: true, default: [] },
      publish: { type: "boolean", default: false },
      out: { type: "string" },
      overwrite: { type: "boolean", default: false },
      over: { type: "string" },
      version: { type: "string" },
      note: { type: "string" },
      by: { type: "string" },
    },
  });
  requireRepositoryRoot();
  const [command] = positionals;
  const environmentOf = (name: string | undefined): Environment => readEnvironment(values.environments, given(name));
  const target = (name: string | undefined): Target => {
    const environment = environmentOf(name);
    return { environment, app: makeSettingsApp(environment, readKey(environment.name, process.env)) };
  };
  const workplace = {
    folder: values.folder,
    schema: "docs/table-mapping.schema.json",
    say: (line: string) => console.log(line),
    pause: (ms: number) => setTimeout(ms),
  };
  const options: PublishOptions = {
    remove: values.remove,
    over: versionIn(values.over),
    note: values.note,
    by: values.by,
  };
  switch (command) {
    case "pull":
      return pull(workplace, target(values.env), values.overwrite);
    case "plan":
      return plan(workplace, target(values.env), values.remove);
    case "publish":
      return publish(workplace, target(values.env), options);
    case "promote":
      return promote(workplace, target(values.from), target(values.to), { ...options, publish: values.publish });
    case "history":
      return history(workplace, target(values.env));
    case "render":
      return render(workplace, environmentOf(values.env), given(values.out));
    case "rollback":
      return rollBack(workplace, target(values.env), given(versionIn(values.version)), options);
    default:
      throw new Error(usage);
  }
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error(usage);
  return value;
}

function versionIn(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(given)) return Number(given);
  throw new Error(`${given} is no version: give its number\n${usage}`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof SyncError || !(error instanceof Error) ? safeMessage(error) : error.message);
    if (error instanceof AppRefusal) {
      for (const { setting, problem, fix } of error.problems) console.error(`  ${setting}: ${problem}. ${fix}`);
    }
    process.exitCode = exitCodes.failed;
  },
);
