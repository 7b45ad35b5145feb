// What a thousand events cost in requests and operations of Dynamics, ours against one by one: the same simulator, the same events, and rows that are
// compared before anything is said.

import { isDeepStrictEqual } from "node:util";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { eventTypes } from "../../shared/model/email-event.js";
import type { Bench, Result } from "../bench.js";
import { type Asked, calmDynamics, type EventSystem, inventEvents, tables, withEvents } from "./event-system.js";
import { writeOneByOne } from "./one-by-one.js";

const part = "egress-requests";
const contacts = 500;
const events = 1_000;

type Row = Readonly<Record<string, unknown>>;

/** A thousand events at once, as after a delivery. */
export const requests: Bench = {
  name: part,
  run: ({ say }) => withEvents({ contacts }, (system) => measure(system, say)),
};

async function measure(system: EventSystem, say: (line: string) => void): Promise<Result[]> {
  await system.tell("dataverse", "snapshot", {});
  const [before] = [await system.asked()];
  await system.happen(inventEvents(events, contacts));
  await system.activitiesReach(events, 120_000);
  await calmDynamics(system);
  const ours = spent(before, await system.asked());
  const rowsOfOurs = await rowsOf(system);
  for (const [path, count] of Object.entries(ours.paths)) say(`ours: ${count} × ${path}`);

  await system.host.stop();
  await system.tell("dataverse", "restore", {});
  const staged = await system.staged();
  const token = await tokenOf(system);
  const from = await system.asked();
  const written = await writeOneByOne(
    { serverUrl: system.runtime.addresses.dataverse, onTokenRefresh: async () => token },
    staged,
  );
  const theirs = spent(from, await system.asked());
  for (const [path, count] of Object.entries(theirs.paths)) say(`one by one: ${count} × ${path}`);
  if (written !== events || !isDeepStrictEqual(rowsOfOurs, await rowsOf(system))) {
    throw new Error("one by one did not end with the same rows: nothing can be compared");
  }
  const per = (name: string, value: number, goal: number | null = null): Result => ({
    name: `${part} ${name}`,
    value: (1_000 * value) / events,
    unit: "per 1,000 events",
    goal,
    better: "lower",
  });
  return [
    {
      name: `${part} times fewer requests than one by one`,
      value: theirs.requests / ours.requests,
      unit: "ratio",
      goal: 50,
      better: "higher",
    },
    per("requests, ours", ours.requests),
    per("requests, one by one with dynamics-web-api", theirs.requests),
    per("operations, ours, reads included", ours.operations),
    per("operations, one by one", theirs.operations),
  ];
}

interface Spent {
  requests: number;
  operations: number;
  paths: Record<string, number>;
}

function spent(before: Asked, after: Asked): Spent {
  const paths = Object.entries(after.counts)
    .map(([path, { count }]) => [path, count - (before.counts[path]?.count ?? 0)] as const)
    .filter(([, count]) => count > 0);
  return {
    requests: after.requests - before.requests,
    operations: after.operations - before.operations,
    paths: Object.fromEntries(paths),
  };
}

/** Activities and tasks by id, without what the clock, the version counter and the writer's name make of a row. */
async function rowsOf({ observer }: EventSystem): Promise<Map<string, Row>> {
  const found = await Promise.all([...eventTypes.map((type) => tables[type].set), "tasks"].map(observer.rows));
  const entries = found.flat().map((row): [string, Row] => {
    const kept = Object.entries(row).filter(([name]) => !/^(createdon|modifiedon|versionnumber)$/.test(name));
    return [String(row.activityid), Object.fromEntries(kept)];
  });
  return new Map(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}

async function tokenOf({ runtime }: EventSystem): Promise<string> {
  const { clientId, clientSecret } = LOCAL_APPS.integration;
  const { dataverse } = runtime.addresses;
  const answer = await fetch(`${dataverse}/${String(runtime.settings.DYNAMICS_TENANT_ID)}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: clientId,
      client_secret: clientSecret,
      scope: `${dataverse}/.default`,
    }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}
