// npm run dataverse:activities -- plan | apply | forms | check | remove: the activity tables that e-mail events become rows of, from the command line.
// Settings come from the environment or from local.settings.json.

import { parseArgs } from "node:util";
import { activityTables } from "../../shared/dataverse/activity-tables.js";
import { SyncError, safeMessage } from "../../shared/errors.js";
import { eventTypes } from "../../shared/model/email-event.js";
import { systemClock } from "../../shared/services.js";
import { planActivities, planActivitiesRemoval } from "./activities.js";
import { byHand, type Fitted, fitForms } from "./activities-forms.js";
import { checkActivityTables } from "./activities-found.js";
import { clientFromSettings, settingsOfCommand } from "./client-from-settings.js";
import { applyRegistration } from "./provision.js";

const usage = `usage: dataverse:activities -- plan | apply [--solution CampaignEvents]
       dataverse:activities -- forms
       dataverse:activities -- check
       dataverse:activities -- remove --table NAME [--table NAME ...]
plan says what apply would do; neither ever deletes anything
forms puts the columns on the tables' forms and makes views, as far as Dynamics lets us
check says whether the tables can take our events
remove deletes the tables that are named, with every row in them
EGRESS_PREFIX says what the tables are called; those that EGRESS_TABLES names are somebody else's: checked, and otherwise left alone`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    solution: { type: "string", default: "CampaignEvents" },
    table: { type: "string", multiple: true, default: [] },
  },
});

const done = (what: string): void => console.log(`done: ${what}`);

async function main(): Promise<void> {
  const settings = settingsOfCommand();
  const { prefix, tables } = settings.egress;
  const client = clientFromSettings(settings);
  const foreign = new Set(eventTypes.filter((type) => tables[type] !== undefined));
  const [command, ...rest] = positionals;
  if (rest.length > 0) throw new Error(usage);
  switch (command) {
    case "plan":
    case "apply": {
      const actions = await planActivities({
        client,
        clock: systemClock,
        prefix,
        solution: values.solution,
        foreign,
      });
      if (command === "apply") return applyRegistration(actions, done);
      for (const { what } of actions) console.log(`would ${what}`);
      return;
    }
    case "forms":
      return forms(await fitForms(client, prefix, foreign));
    case "check":
      return check(await checkActivityTables(client, activityTables(prefix, tables)));
    case "remove": {
      if (values.table.length === 0) throw new Error(usage);
      const actions = await planActivitiesRemoval({ client, prefix, foreign }, values.table);
      await applyRegistration(actions, done);
      if (actions.length === 0) console.log("nothing to do");
      return;
    }
    default:
      throw new Error(usage);
  }
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
