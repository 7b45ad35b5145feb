import { activityTables } from "../../../shared/dataverse/activity-tables.js";
import { checkActivityTables } from "../../dataverse/activities-found.js";
import { type Check, fail, orOk, skipped } from "../check.js";
import type { DynamicsPorts } from "./ports.js";

/** The tables that e-mail events become rows of. */
export function activitiesCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "activity-tables",
    asks: "can the activity tables take our e-mail events?",
    after: "sign-in",
    async run() {
      const { client, settings } = ports();
      const { types, prefix, tables } = settings.egress;
      if (types.size === 0) return [skipped("EGRESS_TYPES names no events: nothing is written to them")];
      const names = activityTables(prefix, tables);
      const fix =
        "npm run dataverse:plan -- --activities shows what is missing, dataverse:apply makes it (docs/operate.md).";
      const problems = await checkActivityTables(client, names);
      return orOk(
        problems.map((problem) => fail(problem, fix)),
        Object.values(names)
          .map(({ name }) => name)
          .join(", "),
      );
    },
  };
}
