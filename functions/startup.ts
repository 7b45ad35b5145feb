// The app's entry: settings first, then every trigger. With a settings error only `health` and the webhook's 503 are registered, so
// that nothing half-configured runs: a host keeps a throwing app half alive, and failing triggers would burn delivery counts.

import { startServices } from "../shared/services.js";
import { registerControl } from "./control.js";
import { registerEgressBackfill } from "./egress-backfill.js";
import { registerEgressChecks } from "./egress-checks.js";
import { registerEgressPull } from "./egress-pull.js";
import { registerHealth, registerUnhealthy } from "./health.js";
import { registerIngressBus } from "./ingress-bus.js";
import { registerIngressDeadLetters } from "./ingress-dead-letters.js";
import { registerIngressSweep } from "./ingress-sweep.js";
import { registerClosedWebhook, registerIngressWebhook } from "./ingress-webhook.js";
import { registerIngressWrite } from "./ingress-write.js";
import { registerMonitor } from "./monitor.js";
import { registerOptOutPull } from "./optout-pull.js";
import { registerOptOutReconcile } from "./optout-reconcile.js";

const started = startServices();

if ("services" in started) {
  registerHealth(started.services);
  registerControl(started.services);
  registerIngressWebhook(started.services);
  registerIngressSweep(started.services);
  registerIngressWrite(started.services);
  registerIngressDeadLetters(started.services);
  registerEgressPull(started.services);
  registerEgressChecks(started.services);
  registerEgressBackfill(started.services);
  registerOptOutPull(started.services);
  registerOptOutReconcile(started.services);
  registerMonitor(started.services);
  if (started.services.hasBusDoor) registerIngressBus(started.services);
} else {
  registerUnhealthy(started.problems);
  registerClosedWebhook();
  // Seen where the process is waited for: on a laptop and in CI.
  process.exitCode = 1;
}
