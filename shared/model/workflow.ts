/** What an operator starts and stops, each by itself. */
export const workflowNames = ["ingress", "egress", "optout"] as const;
/** See `workflowNames`. */
export type WorkflowName = (typeof workflowNames)[number];
