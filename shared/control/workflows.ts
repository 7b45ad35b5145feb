// Start and stop of a workflow. What stopping means to notices, sweeps and lanes is decided in flows/.

import { z } from "zod";
import { orderFullRead } from "../flows/full-read.js";
import { workflowNames } from "../model/workflow.js";
import { controlAgeMs } from "../storage/control.js";
import type { ControlPorts } from "./ports.js";
import { route } from "./route.js";
import { nothing } from "./shapes.js";

const workflowParams = z.strictObject({ workflow: z.enum(workflowNames) });
const wantedSchema = z.object({
  workflow: z.enum(workflowNames),
  wanted: z.enum(["running", "stopped"]),
  drain: z.boolean(),
});

/**
 * Choices that people made in Dynamics while opt-outs were left alone are found by a replay, once every instance knows that they are not any more. It
 * costs calls only where something is different.
 */
async function lookAgain({ ingress }: Pick<ControlPorts, "ingress">): Promise<void> {
  const { mappings } = await ingress.settings.current();
  const tables = [...mappings.values()].filter(({ optOuts }) => optOuts).map(({ table }) => table.name);
  if (tables.length > 0) await ingress.clock.sleep(controlAgeMs);
  for (const table of tables) await orderFullRead(ingress, table, "changed");
}

/** Start and stop. */
export const workflowRoutes = [
  route({
    method: "POST",
    path: "/workflows/{workflow}/start",
    summary: "Starts a workflow; the ledger catches up with what happened meanwhile",
    params: workflowParams,
    query: nothing,
    body: nothing,
    answer: wantedSchema,
    async handle({ ports, operator, params: { workflow } }) {
      await ports.control.start(operator, workflow);
      if (workflow === "optout") await lookAgain(ports);
      return { workflow, wanted: "running" as const, drain: true };
    },
  }),
  route({
    method: "POST",
    path: "/workflows/{workflow}/stop",
    summary: "Stops a workflow: within a second no more work of it is begun",
    description:
      "Ingress: notices are dropped and sweeps stand still. With `drain` (as usual) what is on the queue is still worked off; what is put off for later is held once the queue is empty. Without it everything is held, uncounted, at once. Other workflows have no queue of their own: `drain` means nothing to them, and they end with the page in hand. The status says STOPPED when no call to Campaign can be under way any more.",
    params: workflowParams,
    query: nothing,
    body: z.strictObject({ drain: z.boolean().default(true) }),
    answer: wantedSchema,
    async handle({ ports, operator, params: { workflow }, body: { drain } }) {
      const drains = workflow === "ingress" && drain;
      await ports.control.stop(drains, operator, workflow);
      return { workflow, wanted: "stopped" as const, drain: drains };
    },
  }),
];
