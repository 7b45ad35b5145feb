// Measurements as OpenTelemetry metrics: one request in OTLP's JSON encoding, `POST <endpoint>/v1/metrics`, to any collector. Written out by hand because the
// SDK would cost every cold start more than it brings (docs/telemetry.md); a test holds it against what the official exporter posts.

import { UnavailableError } from "../errors.js";
import type { Gauge } from "../flows/gauges.js";
import type { HttpClient } from "../http/client.js";
import type { Clock } from "../model/clock.js";

/** Takes the numbers of one look. UnavailableError, ThrottledError: the collector did not take them, and they are gone. */
export type SendMetrics = (gauges: readonly Gauge[]) => Promise<void>;

/** `endpoint`: the collector, without `/v1/metrics`. `service`: what this deployment is called. */
export interface OtlpOptions {
  http: HttpClient;
  clock: Clock;
  endpoint: URL;
  service: string;
}

const scope = { name: "dynamics-campaign-sync" };
const timeoutMs = 5_000;
const ageSuffix = ".age";

/** Sends to a collector over HTTP. */
export function makeOtlpSender({ http, clock, endpoint, service }: OtlpOptions): SendMetrics {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/metrics`;
  return async (gauges) => {
    const now = clock.now();
    const { status } = await http.send({
      system: "telemetry",
      operation: "post metrics",
      method: "POST",
      url,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(toOtlp(gauges, service, now)),
      timeoutMs,
      deadline: now + 2 * timeoutMs,
    });
    if (status >= 300) throw new UnavailableError(`the collector answered ${status} to metrics`, false, { status });
  };
}

/** ExportMetricsServiceRequest of opentelemetry-proto. One metric for each kind and unit, a point for each number. */
export function toOtlp(gauges: readonly Gauge[], service: string, now: number) {
  const names = [...new Set(gauges.map(nameOf))];
  const metrics = names.map((name) => ({
    name,
    description: "",
    unit: name.endsWith(ageSuffix) ? "s" : "1",
    gauge: {
      dataPoints: gauges
        .filter((gauge) => nameOf(gauge) === name)
        .map(({ of, what, value }) => ({
          attributes: [attribute("of", of), attribute("what", what)],
          timeUnixNano: `${now}000000`,
          asDouble: value,
        })),
    },
  }));
  return {
    resourceMetrics: [
      { resource: { attributes: [attribute("service.name", service)] }, scopeMetrics: [{ scope, metrics }] },
    ],
  };
}

/** `sync.backlog`, or `sync.backlog.age` for seconds: a metric has one unit. */
function nameOf({ kind, unit }: Gauge): string {
  return unit === "s" ? `sync.${kind}${ageSuffix}` : `sync.${kind}`;
}

function attribute(key: string, text: string) {
  return { key, value: { stringValue: text } };
}
