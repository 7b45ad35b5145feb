// npm run dataverse:activities -- forms | check: what is about the activity tables of e-mail events besides making them, which dataverse:apply does.
// Settings come from the environment or from local.settings.json.

import { activityTables } from "../../shared/dataverse/activity-tables.js";
import { SyncError, safeMessage } from "../../shared/errors.js";
import { eventTypes } from "../../shared/model/email-event.js";
import { byHand, type Fitted, fitForms } from "./activities-forms.js";
import { checkActivityTables } from "./activities-found.js";
import { clientFromSettings, settingsOfPeers } from "./client-from-settings.js";

const usage = `usage: dataverse:activities -- forms
       dataverse:activities -- check
forms puts the columns on the tables' forms and makes views, as far as Dynamics lets us
check says whether the tables can take our events
dataverse:apply makes the tables (EGRESS_TYPES or --activities), dataverse:remove -- --table NAME deletes one with every row in it
EGRESS_PREFIX says what the tables are called; those that EGRESS_TABLES names are somebody else's: checked, and otherwise left alone`;

async function main(): Promise<void> {
  const [command, ...rest] = process.argv.slice(2);
  if (rest.length > 0 || (command !== "forms" && command !== "check")) throw new Error(usage);
  const settings = settingsOfPeers();
  const { prefix, tables } = settings.egress;
  const client = clientFromSettings(settings);
  if (command === "check") return check(await checkActivityTables(client, activityTables(prefix, tables)));
  const foreign = new Set(eventTypes.filter((type) => tables[type] !== undefined));
  forms(await fitForms(client, prefix, foreign));
}

function forms(fitted: readonly Fitted[]): void {
  for (const { what, outcome, why } of fitted) console.log(`${outcome}: ${what}${why ? ` (${why})` : ""}`);
  if (fitted.some(({ outcome }) => outcome === "by hand")) console.log(byHand);
}

function check(problems: readonly string[]): void {
  for (const problem of problems) console.log(`problem: ${problem}`);
  if (problems.length === 0) console.log("the tables can take our events");
  else process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof SyncError || !(error instanceof Error) ? safeMessage(error) : error.message);
  process.exitCode = 1;
});
