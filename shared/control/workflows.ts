// Start and stop of a workflow. What stopping means to notices, sweeps and lanes is decided in flows/.

import { z } from "zod";
import { route } from "./route.js";
import { nothing } from "./shapes.js";

const workflowParams = z.strictObject({ workflow: z.enum(["ingress"]) });
const wantedSchema = z.object({
  workflow: z.enum(["ingress"]),
  wanted: z.enum(["running", "stopped"]),
  drain: z.boolean(),
});

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
      await ports.control.start(operator);
      return { workflow, wanted: "running" as const, drain: true };
    },
  }),
  route({
    method: "POST",
    path: "/workflows/{workflow}/stop",
    summary: "Stops a workflow: within a second notices are dropped and sweeps stand still",
    description:
      "With `drain` (as usual) what is on the queue is still worked off; what is put off for later is held once the queue is empty. Without it everything is held, uncounted, at once. The status says STOPPED when no call to Campaign can be under way any more.",
    params: workflowParams,
    query: nothing,
    body: z.strictObject({ drain: z.boolean().default(true) }),
    answer: wantedSchema,
    async handle({ ports, operator, params: { workflow }, body: { drain } }) {
      await ports.control.stop(drain, operator);
      return { workflow, wanted: "stopped" as const, drain };
    },
  }),
];
