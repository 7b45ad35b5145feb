import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { afterEach, describe, expect, it } from "vitest";
import type { Gauge } from "../../shared/flows/gauges.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { makeOtlpSender, type SendMetrics } from "../../shared/telemetry/otlp-metrics.js";
import { fixedClock } from "../support/fixed-clock.js";
import { startHttpServer, type TestServer } from "../support/http-server.js";

const gauges: Gauge[] = [
  { kind: "backlog", of: "changes", what: "waiting", value: 3, unit: "1" },
  { kind: "backlog", of: "changes", what: "dead", value: 0, unit: "1" },
  { kind: "backlog", of: "changes", what: "oldest", value: 12.5, unit: "s" },
  { kind: "calls", of: "campaign", what: "insert profile", value: 2, unit: "1" },
];

let collector: TestServer;
afterEach(() => collector.close());

const senderTo = (endpoint: URL): SendMetrics => {
  const clock = fixedClock("2026-03-01T12:00:00Z");
  return makeOtlpSender({ http: makeHttpClient({ clock, random: () => 0.5 }), clock, endpoint, service: "sync-test" });
};
const posted = (): unknown => JSON.parse(collector.requests.at(-1)?.body ?? "");

/** A body without what differs from run to run: times, and the SDK's name for itself. */
const comparable = (body: unknown) => {
  const { resourceMetrics } = body as {
    resourceMetrics: { scopeMetrics: { metrics: { gauge: { dataPoints: Record<string, unknown>[] } }[] }[] }[];
  };
  return resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.map(({ gauge, ...metric }) => ({
        ...metric,
        points: gauge.dataPoints.map(({ attributes, asDouble }) => ({ attributes, asDouble })),
      })),
    ),
  );
};

describe("metrics for an OpenTelemetry collector", () => {
  it("are what OpenTelemetry's own exporter posts for the same numbers, at the same path", async () => {
    collector = await startHttpServer((response) => response.writeHead(200).end("{}"));
    const exporter = new OTLPMetricExporter({ url: `${collector.url}v1/metrics` });
    const reader = new PeriodicExportingMetricReader({ exporter });
    const meter = new MeterProvider({ readers: [reader] }).getMeter("dynamics-campaign-sync");
    const instrument = (name: string, unit: string) => meter.createGauge(name, { unit });
    const [backlog, age, calls] = [
      instrument("sync.backlog", "1"),
      instrument("sync.backlog.age", "s"),
      instrument("sync.calls", "1"),
    ];
    backlog?.record(3, { of: "changes", what: "waiting" });
    backlog?.record(0, { of: "changes", what: "dead" });
    age?.record(12.5, { of: "changes", what: "oldest" });
    calls?.record(2, { of: "campaign", what: "insert profile" });
    await reader.forceFlush();
    const theirs = posted();
    await reader.shutdown();

    await senderTo(collector.url)(gauges);

    expect(comparable(posted())).toEqual(comparable(theirs));
    expect(new Set(collector.requests.map(({ method, path }) => `${method} ${path}`))).toEqual(
      new Set(["POST /v1/metrics"]),
    );
    expect(posted()).toMatchObject({
      resourceMetrics: [{ resource: { attributes: [{ key: "service.name", value: { stringValue: "sync-test" } }] } }],
    });
  });

  it("go below the path of an endpoint that has one, with a time that is now", async () => {
    collector = await startHttpServer((response) => response.writeHead(200).end());

    await senderTo(new URL("otlp/", collector.url))(gauges.slice(0, 1));

    expect(collector.requests[0]?.path).toBe("/otlp/v1/metrics");
    expect(collector.requests[0]?.body).toContain(`"timeUnixNano":"${Date.parse("2026-03-01T12:00:00Z")}000000"`);
  });

  it.each([400, 503])("that a collector answers with %i are refused in words an operator can read", async (status) => {
    collector = await startHttpServer((response) => response.writeHead(status).end());

    await expect(senderTo(collector.url)(gauges)).rejects.toThrow(new RegExp(String(status)));
  });
});
