// Alerts against the code that raises them and the page that says what to do. That lines exist at all: bicep.test.ts.

import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { declarationsOf, expressionOf, literalOf } from "../../infra/bicep-check/declarations.js";
import { type BicepFile, makeBicepParser } from "../../infra/bicep-check/parse.js";
import { alarmKinds } from "../../shared/flows/alarms.js";
import { gaugeKinds } from "../../shared/flows/gauges.js";
import { monitorLimitNames } from "../../shared/settings/schema.js";

const path = "infra/modules/alerts.bicep";
const source = readFileSync(path, "utf8");
let file: BicepFile;
beforeAll(async () => {
  file = (await makeBicepParser())(path, source);
});

interface AlarmRule {
  name: string;
  severity: number;
  codes: string[];
}
const literal = (name: string): unknown => {
  const declaration = declarationsOf(file).find((one) => one.kind === "var" && one.name === name);
  const value = declaration && expressionOf(declaration);
  if (!value) throw new Error(`${path} has no variable ${name}`);
  return literalOf(value);
};
/** Names of all alerts: entries of the lists, and resources that stand alone. */
const alertNames = (): string[] => [
  ...(literal("usualLines") as { name: string }[]).map(({ name }) => name),
  ...(literal("alarms") as AlarmRule[]).map(({ name }) => name),
  ...declarationsOf(file)
    .filter(({ symbol = "" }) => /scheduledQueryRules|metricAlerts/.test(symbol))
    .flatMap(({ node }) => /^ {2}name: '([a-z-]+?)-\$\{(?:name|index)\}/m.exec(node.text)?.[1] ?? []),
];
/** First cells of the rows of all tables in a section. */
const firstCells = (page: string, heading: string): string[] => {
  const text = readFileSync(page, "utf8");
  const [, section = ""] = text.split(new RegExp(`^## ${heading}$`, "m"));
  const rows = section.split(/^## /m)[0]?.split("\n") ?? [];
  return rows.flatMap((row) =>
    [...(/^\| ([^|]+) \|/.exec(row)?.[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
  );
};

describe("alerts", () => {
  it("look for every code of the monitor, errors apart from warnings", () => {
    const rules = literal("alarms") as AlarmRule[];
    const codesOf = (level: string): string[] =>
      Object.entries(alarmKinds).flatMap(([code, kind]) => (kind.level === level ? [code] : []));

    expect(rules.map(({ codes }) => codes)).toEqual([codesOf("error"), codesOf("warn")]);
    expect(rules.map(({ severity }) => severity)).toEqual([1, 3]);
  });

  it("count failed runs of every timer", () => {
    const failed = readdirSync("functions").flatMap((name) =>
      [...readFileSync(`functions/${name}`, "utf8").matchAll(/const failed = "([^"]+)"|error\("(\w+ failed)"/g)].map(
        ([, one, other]) => one ?? other ?? "",
      ),
    );

    const missing = failed.filter((event) => !source.replaceAll("\\'", "'").includes(`startswith "${event} "`));

    expect(failed.length).toBeGreaterThanOrEqual(7);
    expect(missing).toEqual([]);
  });

  it("are explained one by one in the operator's page, with every code, and nothing is that is no alert", () => {
    const explained = firstCells("docs/operate.md", "Alerts");

    expect(new Set(explained)).toEqual(new Set([...alertNames(), ...Object.keys(alarmKinds)]));
  });

  it("are listed in the page about deployment", () => {
    expect(new Set(firstCells("docs/deploy.md", "Alerts"))).toEqual(new Set(alertNames()));
  });
});

describe("docs/telemetry.md", () => {
  it("names every kind of measurement and every limit", () => {
    const page = readFileSync("docs/telemetry.md", "utf8");

    const missing = [
      ...gaugeKinds.map((kind) => `\`measured ${kind}\``),
      ...monitorLimitNames.map((name) => `\`${name}\``),
    ];
    expect(missing.filter((name) => !page.includes(name))).toEqual([]);
  });
});
