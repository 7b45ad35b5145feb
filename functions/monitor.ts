import { toLines } from "../shared/flows/gauges.js";
import { watch } from "../shared/flows/monitor.js";
import { errorFacts } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";
import { runTimer } from "./run-timer.js";

/** Looks at everything from outside: one line of numbers a kind, and one for every alarm at every look until it ends, so that an alert on it ends, too. */
export function registerMonitor({
  monitor: { ports, schedule, send },
  gates,
  clock,
  controlPorts: { ready },
}: Services): void {
  const failed = "monitoring failed";
  runTimer({ name: "monitor", schedule, failed, ports: { gates, clock }, ready }, async (log) => {
    const { gauges, findings, ended } = await watch(ports);
    for (const { event, facts } of toLines(gauges)) log.info(event, facts);
    for (const { code, about, message, fix, since, level } of findings) {
      log[level]("alarm", { code, about, message, fix, since });
    }
    for (const { code, about, since } of ended) log.info("alarm over", { code, about, since });
    // Those who collect are no part of the product's way: what they do not take is gone, and nothing else.
    await send?.(gauges).catch((error: unknown) => log.warn("metrics not sent", errorFacts(error)));
  });
}
