// npm run dataverse:plan | dataverse:apply | dataverse:remove: all that Dynamics needs from us, from the command line. Settings come from the environment
// or from local.settings.json; the keys only from the environment, WEBHOOK_KEY and BUS_SAS_KEY.

import { safeMessage } from "../../shared/errors.js";
import { systemClock } from "../../shared/services.js";
import { clientFromSettings, settingsOfPeers } from "./client-from-settings.js";
import { applyEnvironment, type Environment, planEnvironment, planEnvironmentRemoval } from "./environment.js";
import { type CommandOptions, parseOptions } from "./options.js";
import { planLines, warningLines } from "./print-plan.js";
import { readDocuments } from "./read-mappings.js";

const say = (line: string): void => console.log(line);

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), process.env);
  const settings = settingsOfPeers();
  const environment = { client: clientFromSettings(settings), clock: systemClock, settings };
  await (options.command === "remove" ? remove(environment, options) : planOrApply(environment, options));
}

async function planOrApply(environment: Environment, options: CommandOptions): Promise<void> {
  const documents = await readDocuments(environment.client, options.mappings, options.language);
  const parts = await planEnvironment(environment, documents, options);
  if (options.command === "plan") {
    for (const line of planLines(parts)) say(line);
    return;
  }
  let changes = 0;
  await applyEnvironment(parts, (what, number, of) => {
    changes = of;
    say(`[${number}/${of}] done: ${what}`);
  });
  if (changes === 0) say("nothing to do");
  for (const line of warningLines(parts)) say(line);
}

async function remove(environment: Environment, options: CommandOptions): Promise<void> {
  const actions = await planEnvironmentRemoval(environment, options);
  await applyEnvironment([{ title: "", things: [], actions }], (what, number, of) =>
    say(`[${number}/${of}] done: ${what}`),
  );
  if (actions.length === 0) say("nothing to do");
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : safeMessage(error));
  process.exitCode = 1;
});
