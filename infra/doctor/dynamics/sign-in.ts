import { z } from "zod";
import { type Check, type Finding, ok } from "../check.js";
import { judgeSkew } from "../clock-skew.js";
import type { DynamicsPorts } from "./ports.js";

const whoAmISchema = z.object({ UserId: z.string(), OrganizationId: z.string() });

/** Who we are to Dynamics. Everything else can be asked only after this. */
export async function whoAmI({ client }: Pick<DynamicsPorts, "client">): Promise<z.output<typeof whoAmISchema>> {
  return whoAmISchema.parse(await client.json({ operation: "WhoAmI", path: "WhoAmI" }));
}

/** Token and application user. */
export function signInCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "sign-in",
    asks: "does Entra ID give a token, and does the environment know the application user (WhoAmI)?",
    after: "settings",
    async run(): Promise<readonly Finding[]> {
      const { settings } = ports();
      const { UserId, OrganizationId } = await whoAmI(ports());
      return [ok(`user ${UserId} of organisation ${OrganizationId} at ${settings.dynamics.url.host}`)];
    },
  };
}

/** A clock that is wrong makes signatures invalid and times of opt-outs doubtful. */
export function clockCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "clock",
    asks: "do this machine and Dynamics agree what time it is?",
    after: "sign-in",
    async run() {
      const { client, now } = ports();
      const { headers } = await client.call({ operation: "WhoAmI", path: "WhoAmI" });
      return [judgeSkew("Dynamics", headers.date, now())];
    },
  };
}
