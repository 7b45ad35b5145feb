// System jobs of our steps that failed or still wait (facts/dataverse.md §1.7, §2): each is a notice that did not reach us. The sweep finds the change all the same.

import { z } from "zod";
import { redact } from "../../../shared/http/redact.js";
import { listSteps } from "../../dataverse/steps.js";
import { type Check, type Finding, fail, orOk, skipped, warn } from "../check.js";
import type { DynamicsPorts } from "./ports.js";

const failed = 31;
const waiting = 10;
const recentMs = 24 * 3_600_000;
const stepsAtOnce = 50;

const jobsSchema = z.object({
  "@odata.count": z.number(),
  value: z.array(
    z.object({
      friendlymessage: z.string().nullish(),
      message: z.string().nullish(),
      errorcode: z.number().nullish(),
      completedon: z.string().nullish(),
      startedon: z.string().nullish(),
    }),
  ),
});

/** What the error codes of webhooks mean, and what to do (facts/dataverse.md §1.7). */
const webhookErrors: ReadonlyMap<number, string> = new Map([
  [
    0x80050201,
    "The app answered with an error: look into the log of ingress-webhook; 401 says that the key is wrong (WEBHOOK_KEY … npm run dataverse:apply -- --write-keys).",
  ],
  [
    0x80050202,
    "The app did not answer within 60 s: is it up, and does an instance wait for HTTP (httpAlwaysReady in docs/deploy.md)?",
  ],
  [
    0x80050203,
    "The endpoint's stored header cannot be read: npm run dataverse:apply -- --write-keys writes the key anew.",
  ],
  [
    0x80050204,
    "The endpoint's stored query cannot be read: npm run dataverse:apply -- --write-keys writes the key anew.",
  ],
  [
    0x80050205,
    "Dynamics could not reach the app: does the host of the endpoint's URL exist, and does it take calls from the internet?",
  ],
  [0x80050206, "Webhooks are switched off for this environment: ask its administrator."],
  [0x80050207, "The row is too large for a notice. The sweep brings it."],
]);
const usualFix =
  "Open the job in Dynamics (Settings, System Jobs). The sweep brings what these notices were about; old jobs can be deleted.";

/** Failed and waiting jobs of our steps. */
export function jobsCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "system-jobs",
    asks: "did notices fail, or do they wait to be sent (system jobs of our steps)?",
    after: "sign-in",
    beyondApp: true,
    async run() {
      const { client, ourEndpoints, now } = ports();
      const ids: string[] = [];
      for (const { found } of await ourEndpoints()) {
        const steps = await listSteps(client, found.serviceendpointid);
        ids.push(...steps.map(({ sdkmessageprocessingstepid }) => sdkmessageprocessingstepid));
      }
      if (ids.length === 0) return [skipped("no step of ours is registered")];
      const [broken, held] = [await jobsIn(ports(), ids, failed), await jobsIn(ports(), ids, waiting)];
      return orOk([...judgeFailed(broken, now()), ...judgeWaiting(held)], `none, of ${ids.length} steps`);
    },
  };
}

interface Jobs {
  count: number;
  latest?: z.output<typeof jobsSchema>["value"][number] | undefined;
}

async function jobsIn({ client }: DynamicsPorts, steps: readonly string[], status: number): Promise<Jobs> {
  const jobs: Jobs = { count: 0 };
  for (let from = 0; from < steps.length; from += stepsAtOnce) {
    const some = steps.slice(from, from + stepsAtOnce).map((id) => `_owningextensionid_value eq ${id}`);
    const query = new URLSearchParams({
      $select: "friendlymessage,message,errorcode,completedon,startedon",
      $filter: `statuscode eq ${status} and (${some.join(" or ")})`,
      $orderby: "createdon desc",
      $count: "true",
      $top: "1",
    });
    const path = `asyncoperations?${query.toString().replaceAll("+", "%20")}`;
    const answer = jobsSchema.parse(await client.json({ operation: "list system jobs", path }));
    jobs.count += answer["@odata.count"];
    jobs.latest ??= answer.value[0];
  }
  return jobs;
}

function judgeFailed({ count, latest }: Jobs, now: number): Finding[] {
  if (count === 0 || !latest) return [];
  const code = latest.errorcode === null || latest.errorcode === undefined ? undefined : latest.errorcode >>> 0;
  const said = redact(latest.friendlymessage || latest.message || "no message");
  const at = latest.completedon ?? latest.startedon ?? "an unknown time";
  const spelled = code === undefined ? "" : ` 0x${code.toString(16)}`;
  const seen = `${count} notices failed, the latest at ${at}:${spelled} ${said}`;
  const fix = (code !== undefined && webhookErrors.get(code)) || usualFix;
  return now - Date.parse(at) < recentMs ? [fail(seen, fix)] : [warn(seen, fix)];
}

function judgeWaiting({ count, latest }: Jobs): Finding[] {
  if (count === 0) return [];
  const said = redact(latest?.friendlymessage || latest?.message || "no message");
  const fix =
    "Is the bus there, has the queue room, may the policy send? Dynamics tries again by itself, with growing pauses; then the job fails.";
  return [warn(`${count} notices wait to be sent again: ${said}`, fix)];
}
