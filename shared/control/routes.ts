import { backfillRoutes } from "./backfill.js";
import { decisionRoutes } from "./decisions.js";
import { dryRunRoutes } from "./dry-run.js";
import { estimateRoute } from "./estimate.js";
import { failureRoutes } from "./failures.js";
import { manyFailureRoutes } from "./many-failures.js";
import { previewRoute } from "./preview.js";
import { reconciliationRoutes } from "./reconciliation.js";
import { reconciliationWordRoutes } from "./reconciliation-words.js";
import { recordRoute } from "./records.js";
import type { Route } from "./route.js";
import { settingsRoutes } from "./settings.js";
import { statusRoute } from "./status.js";
import { tableRoutes } from "./tables.js";
import { workflowRoutes } from "./workflows.js";

/** Every route of the control API. */
export const controlRoutes: readonly Route[] = [
  statusRoute,
  ...workflowRoutes,
  ...tableRoutes,
  estimateRoute,
  ...backfillRoutes,
  ...settingsRoutes,
  previewRoute,
  ...failureRoutes,
  ...manyFailureRoutes,
  ...decisionRoutes,
  ...reconciliationRoutes,
  ...reconciliationWordRoutes,
  recordRoute,
  ...dryRunRoutes,
];
