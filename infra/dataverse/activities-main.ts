// npm run dataverse:activities -- plan | apply | forms | check | remove: the activity tables that e-mail events become rows of, from the command line.
// Settings come from the environment or from local.settings.json.

import { parseArgs } from "node:util";
import { activityTableChangesSchema, activityTables } from "../../shared/dataverse/activity-tables.js";
import { SyncError, safeMessage } from "../../shared/errors.js";
import { systemClock } from "../../shared/services.js";
import { planActivities, planActivitiesRemoval } from "./activities.js";
import { byHand, fitForms } from "./activities-forms.js";
import { checkActivityTables } from "./activities-found.js";
import { clientFromSettings } from "./client-from-settings.js";
import { applyRegistration } from "./provision.js";

const usage = `usage: dataverse:activities -- plan | apply [--prefix acs] [--solution CampaignEvents]
       dataverse:activities -- forms [--prefix acs]
       dataverse:activities -- check [--prefix acs] [--tables JSON]
       dataverse:activities -- remove [--prefix acs] --table NAME [--table NAME ...]
plan says what apply would do; neither ever deletes anything
forms puts the columns on the tables' forms and makes views, as far as Dynamics lets us
check says whether the tables, or those of another app that --tables names as the settings do, can take our events
remove deletes the tables that are named, with every row in them`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    prefix: { type: "string", default: "acs" },
    solution: { type: "string", default: "CampaignEvents" },
    tables: { type: "string", default: "{}" },
    table: { type: "string", multiple: true, default: [] },
  },
});

const done = (what: string): void => console.log(`done: ${what}`);

async function main(): Promise<void> {
  const { prefix, solution } = values;
  const [command, ...rest] = positionals;
  if (rest.length > 0) throw new Error(usage);
  switch (command) {
    case "plan":
    case "apply": {
      const actions = await planActivities({ client: clientFromSettings(), clock: systemClock, prefix, solution });
      if (command === "apply") return applyRegistration(actions, done);
      for (const { what } of actions) console.log(`would ${what}`);
      return;
    }
    case "forms":
      return forms();
    case "check":
      return check();
    case "remove": {
      if (values.table.length === 0) throw new Error(usage);
      const actions = await planActivitiesRemoval({ client: clientFromSettings(), prefix }, values.table);
      await applyRegistration(actions, done);
      if (actions.length === 0) console.log("nothing to do");
      return;
    }
    default:
      throw new Error(usage);
  }
}

async function forms(): Promise<void> {
  const fitted = await fitForms(clientFromSettings(), values.prefix);
  for (const { what, outcome, why } of fitted) console.log(`${outcome}: ${what}${why ? ` (${why})` : ""}`);
  if (fitted.some(({ outcome }) => outcome === "by hand")) console.log(byHand);
}

async function check(): Promise<void> {
  const changes = activityTableChangesSchema.safeParse(JSON.parse(values.tables));
  if (!changes.success) throw new Error(`--tables: ${changes.error.issues.map(({ message }) => message).join("; ")}`);
  const problems = await checkActivityTables(clientFromSettings(), activityTables(values.prefix, changes.data));
  for (const problem of problems) console.log(`problem: ${problem}`);
  if (problems.length === 0) console.log("the tables can take our events");
  else process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof SyncError || !(error instanceof Error) ? safeMessage(error) : error.message);
  process.exitCode = 1;
});
