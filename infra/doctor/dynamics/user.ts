// What the app's user may do in Dynamics: too little, and it stands still; everything, and its secret opens everything. What it needs:
// infra/dataverse/role-desired.ts.

import { z } from "zod";
import { list } from "../../dataverse/action.js";
import { privilegesFor, type RequiredPrivilege } from "../../dataverse/role-desired.js";
import { findApplicationUser, missingOfUser } from "../../dataverse/role-found.js";
import { type Check, type Finding, fail, ok, orOk, warn } from "../check.js";
import type { DynamicsPorts } from "./ports.js";
import { whoAmI } from "./sign-in.js";

/** The template of System Administrator, the same everywhere (Microsoft: "Security roles and templates"). */
const administratorTemplate = "627090ff-40a3-4053-8790-584edc5be201";

/** A lookup by Microsoft's reference; a plain id by older ones. */
const roleSchema = z.object({
  name: z.string(),
  _roletemplateid_value: z.string().nullish(),
  roletemplateid: z.string().nullish(),
});

const giveRole =
  "npm run dataverse:apply makes the role with the least privileges and gives it (infra/dataverse/README.md).";

/** Every privilege that the app's calls need. */
export function privilegesCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "privileges",
    asks: "does the app's user have every privilege that the mappings and settings need?",
    after: "sign-in",
    beyondApp: true,
    async run() {
      const { prepared, settings, client } = ports();
      const user = await appUser(ports());
      if (typeof user !== "string") return [user];
      const required = privilegesFor((await prepared()).mappings, settings);
      // What Dynamics does not have at all is a table that is not there, which another check names, or a name of other times.
      const lacking = async (those: readonly RequiredPrivilege[]): Promise<string[]> =>
        (await missingOfUser(client, user, those)).map(
          ({ name, depth, reason }) => `the user lacks ${name}, depth ${depth} (${reason})`,
        );
      const isDoubtful = ({ unconfirmed }: RequiredPrivilege): boolean => unconfirmed === true;
      const needed = await lacking(required.filter((one) => !isDoubtful(one)));
      const doubtful = await lacking(required.filter(isDoubtful));
      const findings = [
        ...needed.map((seen) => fail(seen, giveRole)),
        ...doubtful.map((seen) => warn(`${seen}; no documentation says that it is needed`, giveRole)),
      ];
      return orOk(findings, required.map(({ name }) => name).join(", "));
    },
  };
}

/** More than any app needs. */
export function administratorCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "administrator",
    asks: "is the app's user no System Administrator?",
    after: "sign-in",
    beyondApp: true,
    async run(): Promise<readonly Finding[]> {
      const user = await appUser(ports());
      if (typeof user !== "string") return [user];
      const path = `systemusers(${user})/systemuserroles_association`;
      const roles = await list(ports().client, "read the roles of the application user", path, roleSchema);
      const isAdministrator = roles.some(
        ({ _roletemplateid_value: lookup, roletemplateid }) =>
          (lookup ?? roletemplateid)?.toLowerCase() === administratorTemplate,
      );
      if (!isAdministrator) return [ok(roles.map(({ name }) => name).join(", ") || "roles of teams only")];
      const fix = `${giveRole} Then take System Administrator away; if you signed in as somebody else than the app, name it: --client-id.`;
      return [warn("the user is System Administrator: whoever has the app's secret may do everything", fix)];
    },
  };
}

/** The application user of `clientId`, where the app signs in as somebody else than the doctor; else whoever is signed in. */
async function appUser(ports: DynamicsPorts): Promise<string | Finding> {
  const { client, clientId } = ports;
  if (clientId === undefined) return (await whoAmI(ports)).UserId;
  const user = await findApplicationUser(client, clientId);
  const how = "Power Platform admin center, the environment, Settings, Users + permissions, Application users";
  if (!user) return fail(`no application user has client id ${clientId}`, `Make one (${how}; docs/deploy.md).`);
  if (user.isdisabled) return fail(`the application user of ${clientId} is disabled`, `Enable it (${how}).`);
  return user.systemuserid;
}
