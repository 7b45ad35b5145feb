// npm run cost: what a month uses of Azure, with its arithmetic, and what that costs at prices that you give. docs/cost.md says where the numbers come from.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { settingDefinitions } from "../../shared/settings/schema.js";
import { type Month, type Quantity, quantitiesOf, type Timer } from "./quantities.js";

const usage = `usage: npm run cost -- [--changes-per-month N] [--loaded N] [--days N] [--egress] [--always-ready N] [--memory-gb N] [--prices FILE]
--prices: JSON { "currency": "EUR", "asOf": "2026-01-31", "source": "…", "perUnit": { "busOperations": 0.0000008, … }, "fixed": { "Service Bus, base": 10 } }`;

const pricesSchema = z.strictObject({
  currency: z.string(),
  asOf: z.iso.date(),
  source: z.string(),
  perUnit: z.record(z.string(), z.number().min(0)),
  fixed: z.record(z.string(), z.number().min(0)).default({}),
});

/** Prices of one region and contract, as its owner looked them up. */
export type Prices = z.infer<typeof pricesSchema>;

/** The app's timers; egress-backfill runs with e-mail events only. */
export function timersOf(egress: boolean): Timer[] {
  const { SWEEP_SCHEDULE, EGRESS_SCHEDULE, EGRESS_CHECKS_SCHEDULE, OPTOUT_SCHEDULE, MONITOR_SCHEDULE } =
    settingDefinitions;
  const everyQuarterMinute = "*/15 * * * * *";
  return [
    { name: "ingress-sweep", schedule: SWEEP_SCHEDULE.default },
    { name: "egress-pull", schedule: EGRESS_SCHEDULE.default },
    { name: "egress-checks", schedule: EGRESS_CHECKS_SCHEDULE.default },
    { name: "optout-pull", schedule: OPTOUT_SCHEDULE.default },
    { name: "optout-reconcile", schedule: everyQuarterMinute },
    { name: "monitor", schedule: MONITOR_SCHEDULE.default },
    ...(egress ? [{ name: "egress-backfill", schedule: everyQuarterMinute }] : []),
  ];
}

/** The month as a table in Markdown; with prices also what each line costs, and the sum. */
export function costTable(quantities: readonly Quantity[], prices?: Prices): string {
  const price = (meter: string): number | undefined => prices?.perUnit[meter];
  const money = (amount: number | undefined): string => (amount === undefined ? "no price" : amount.toFixed(2));
  const head = prices
    ? [
        `| meter | quantity | ${prices.currency} each, ${prices.asOf} | ${prices.currency} | how |`,
        "|---|---:|---:|---:|---|",
      ]
    : ["| meter | quantity | how |", "|---|---:|---|"];
  const rows = quantities.map(({ meter, quantity, unit, how }) => {
    const each = price(meter);
    const counted = `${quantity.toLocaleString("en-GB", { maximumFractionDigits: quantity < 100 ? 1 : 0 })} ${unit}`;
    const costs = prices
      ? ` ${each?.toLocaleString("en-GB", { maximumFractionDigits: 12 }) ?? "–"} | ${money(each === undefined ? undefined : each * quantity)} |`
      : "";
    return `| \`${meter}\` | ${counted} |${costs} ${how} |`;
  });
  if (!prices) return [...head, ...rows].join("\n");
  const fixed = Object.entries(prices.fixed).map(([what, amount]) => `| ${what} | a month | | ${money(amount)} | |`);
  const sum =
    quantities.reduce((total, { meter, quantity }) => total + (price(meter) ?? 0) * quantity, 0) +
    Object.values(prices.fixed).reduce((total, amount) => total + amount, 0);
  return [
    ...head,
    ...rows,
    ...fixed,
    `| **sum**, of what has a price | | | **${money(sum)}** | ${prices.source} |`,
  ].join("\n");
}

function main(): void {
  const { values } = parseArgs({
    options: {
      "changes-per-month": { type: "string", default: "0" },
      loaded: { type: "string", default: "0" },
      days: { type: "string", default: "30" },
      egress: { type: "boolean", default: false },
      "always-ready": { type: "string", default: "1" },
      "memory-gb": { type: "string", default: "2" },
      prices: { type: "string" },
    },
  });
  const month: Month = {
    changes: numberOf("changes-per-month", values["changes-per-month"]),
    loaded: numberOf("loaded", values.loaded),
    days: numberOf("days", values.days),
    egress: values.egress,
    alwaysReady: numberOf("always-ready", values["always-ready"]),
    memoryGb: numberOf("memory-gb", values["memory-gb"]),
  };
  console.log(
    costTable(
      quantitiesOf(month, timersOf(month.egress)),
      values.prices === undefined ? undefined : readPrices(values.prices),
    ),
  );
}

function numberOf(name: string, given: string): number {
  const value = Number(given);
  if (!Number.isFinite(value) || value < 0)
    throw new Error(`--${name} must be a number from 0 on, not ${given}\n${usage}`);
  return value;
}

function readPrices(file: string): Prices {
  const parsed = pricesSchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(
    `${file}: ${issue?.path.join(".") || "the file"} is not as it should be: ${issue?.message}\n${usage}`,
  );
}

if (process.argv[1]?.endsWith("cost/main.ts")) {
  try {
    main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
