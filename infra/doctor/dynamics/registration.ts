// Is what rings our doorbell registered once, as the mappings want it, and at work? (facts/dataverse.md §11, facts/field.md B34). What must be registered:
// infra/dataverse/desired.ts.

import { compileMapping } from "../../../shared/mapping/compile.js";
import { desiredSteps } from "../../dataverse/desired.js";
import { addressOf, isEndpointRight, listEndpoints, sameAddress } from "../../dataverse/endpoints.js";
import { listSteps, planSteps, type Step } from "../../dataverse/steps.js";
import { type Check, type Finding, fail, orOk, skipped, warn } from "../check.js";
import type { DynamicsPorts, OurEndpoint } from "./ports.js";

const apply = "npm run dataverse:apply, with the same --mappings, makes it so (README of infra/dataverse).";

/** Endpoints, steps and images against the mappings. */
export function registrationCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "registration",
    asks: "do endpoints, steps and images match the mappings?",
    after: "sign-in",
    beyondApp: true,
    run: () =>
      withEndpoints(ports(), async (ours) => {
        const { mappings } = await ports().prepared();
        if (mappings.length === 0) return [skipped("the mappings have problems: see tables")];
        const compiled = mappings.map(compileMapping);
        const findings: Finding[] = [];
        for (const { found, desired } of ours)
          findings.push(...(await differences(ports(), found.serviceendpointid, { found, desired }, compiled)));
        return orOk(
          findings,
          `${ours.map(({ desired }) => `${desired.door} ${desired.name} to ${desired.address}`).join(", ")}`,
        );
      }),
  };
}

async function differences(
  { client, webhookUrl }: DynamicsPorts,
  id: string,
  { found, desired }: OurEndpoint,
  mappings: readonly ReturnType<typeof compileMapping>[],
): Promise<Finding[]> {
  // The name of the image's parameter on Create cannot differ in what is compared.
  const plan = await planSteps(client, async () => id, id, desiredSteps(desired.name, mappings, "Target"));
  const mine = plan.filter(({ what }) => !/^enable |there twice/.test(what));
  return [
    ...judgeEndpoint({ found, desired }, webhookUrl),
    ...mine.map(({ what }) => fail(`dataverse:apply would ${what}`, apply)),
  ];
}

/** What can be said of it without its secret, which nobody can read. */
function judgeEndpoint({ found, desired }: OurEndpoint, webhookUrl: string | undefined): Finding[] {
  if (isEndpointRight(desired, found)) return [];
  const what = `${desired.door} ${desired.name}`;
  if (!sameAddress(addressOf(found), desired.address)) {
    return [fail(`${what} posts to ${addressOf(found)}, and the app is at ${webhookUrl}`, apply)];
  }
  if ((desired.door === "webhook" ? found.isauthvalueset : found.issaskeyset) === false) {
    return [
      fail(
        `${what} holds no key: every notice is refused`,
        `${apply} It reads the key from WEBHOOK_KEY or BUS_SAS_KEY.`,
      ),
    ];
  }
  return [fail(`${what} signs in otherwise, or posts another format than JSON`, apply)];
}

/** B34: every change comes twice. */
export function doubledCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "doubled-registrations",
    asks: "does anything make every change come twice: other endpoints to our address, steps that are there twice, both doors?",
    after: "sign-in",
    beyondApp: true,
    run: () =>
      withEndpoints(ports(), async (ours) => {
        const { client } = ports();
        const all = await listEndpoints(client);
        const findings: Finding[] = [];
        for (const { found, desired } of ours) {
          const others = all.filter(
            (other) =>
              !ours.some(({ found: own }) => own.serviceendpointid === other.serviceendpointid) &&
              [desired.address, addressOf(found)].some((address) => sameAddress(addressOf(other), address)),
          );
          for (const { name, serviceendpointid } of others) {
            const seen = `endpoint ${name} (${serviceendpointid}) posts to ${addressOf(found)} as well: changes come twice`;
            findings.push(
              fail(seen, "If nobody needs it, remove that service endpoint in Dynamics: its steps go with it."),
            );
          }
          const steps = await listSteps(client, found.serviceendpointid);
          const twice = new Set(
            steps.map(({ name }) => name).filter((name, index, names) => names.indexOf(name) !== index),
          );
          for (const name of twice) findings.push(fail(`step ${name} is there twice: its changes come twice`, apply));
        }
        if (ours.length > 1) {
          const fix =
            "If one is enough: npm run dataverse:remove -- --only webhook (or bus). Writing stays right with both; it costs twice the notices.";
          findings.push(warn("changes come through the webhook and through the bus", fix));
        }
        return orOk(findings, "every change comes once");
      }),
  };
}

/** Steps that do nothing, or stop people from saving. */
export function stepsCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "steps",
    asks: "are all our steps enabled, asynchronous and after the operation?",
    after: "sign-in",
    beyondApp: true,
    run: () =>
      withEndpoints(ports(), async (ours) => {
        const findings: Finding[] = [];
        let count = 0;
        for (const { found } of ours) {
          const steps = await listSteps(ports().client, found.serviceendpointid);
          count += steps.length;
          findings.push(...steps.flatMap(judgeStep));
        }
        return orOk(findings, `${count} steps are at work`);
      }),
  };
}

function judgeStep({ name, mode, stage, statecode }: Step): Finding[] {
  const findings: Finding[] = [];
  if (statecode === 1) findings.push(fail(`step ${name} is disabled: nobody rings for its changes`, apply));
  if (mode !== 1 || stage !== 40) {
    const seen = `step ${name} runs inside the user's own transaction: whoever saves waits for us, and cannot save while we are away`;
    findings.push(fail(seen, apply));
  }
  return findings;
}

async function withEndpoints(
  { ourEndpoints, name, webhookUrl }: DynamicsPorts,
  ask: (ours: readonly OurEndpoint[]) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const ours = await ourEndpoints();
  if (ours.length > 0) return ask(ours);
  if (webhookUrl === undefined) return [skipped(`nothing is registered under the name ${name} yet`)];
  const fix = `npm run dataverse:apply -- --url ${webhookUrl}; another name of the registration: --name.`;
  return [fail(`nothing is registered under the name ${name}: changes wait for the sweep`, fix)];
}
