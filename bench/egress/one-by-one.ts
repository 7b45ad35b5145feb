// The same events written one by one with the published dynamics-web-api, as its documentation would have one do it: create the activity, complete it,
// create its follow-up task. What is compared is requests.ts.

import { type Config, DynamicsWebApi } from "dynamics-web-api";
import { defaultEventFields, readEventRow, type StagedRow } from "../../shared/campaign/event-row.js";
import { activityRow, completion, taskRow } from "../../shared/dataverse/activity-rows.js";
import { activityIdOf, taskIdOf } from "../../shared/model/email-event.js";
import { parseRecordId } from "../../shared/model/ids.js";
import { tables } from "./event-system.js";

const tasks: ReadonlySet<string> = new Set(["click", "bounce"]);

/** Writes each staged event as ours does, and answers how many. Contacts are not looked for: whoever writes one by one would bind and hope. */
export async function writeOneByOne(config: Config, staged: readonly StagedRow[]): Promise<number> {
  const api = new DynamicsWebApi({ dataApi: { version: "9.2" }, ...config });
  const settings = { fields: defaultEventFields, changed: "lastModified", zoneless: false };
  let written = 0;
  for (const row of staged) {
    const read = readEventRow(settings, row);
    if (!("event" in read)) continue;
    const { event } = read;
    const table = tables[event.type];
    const activity = { id: activityIdOf(event), event, contact: parseRecordId(event.contactKey) };
    await api.create({ collection: table.set, data: activityRow(activity, table) });
    await api.update({ collection: table.set, key: activity.id, data: completion(event) });
    if (tasks.has(event.type)) {
      await api.create({ collection: "tasks", data: taskRow(activity, taskIdOf(event), "UTC") });
    }
    written += 1;
  }
  return written;
}
