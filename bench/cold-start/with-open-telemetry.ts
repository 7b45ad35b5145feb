// The app with OpenTelemetry's own SDK in front, as its guide has it: what bench open-telemetry measures. Nothing else uses it.

import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";

const exporter = new OTLPMetricExporter({ url: "http://127.0.0.1:4318/v1/metrics" });
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 });
new MeterProvider({ readers: [reader] }).getMeter("dynamics-campaign-sync").createGauge("sync.backlog");

import "../../functions/startup.js";
