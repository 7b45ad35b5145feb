import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { at, bodyOf, type Declaration, declarationsOf, expressionOf } from "../../infra/bicep-check/declarations.js";
import { type BicepFile, makeBicepParser } from "../../infra/bicep-check/parse.js";

let parse: (path: string, text: string) => BicepFile;
beforeAll(async () => {
  parse = await makeBicepParser();
});

const read = (path: string): Map<string, Declaration> =>
  new Map(declarationsOf(parse(path, readFileSync(path, "utf8"))).map((one) => [one.name, one]));
const textOf = (declarations: Map<string, Declaration>, name: string): string => {
  const declaration = declarations.get(name);
  return (declaration && expressionOf(declaration)?.text) ?? "";
};

describe("B28: on Flex Consumption the first message waits for up to two minutes", () => {
  it("finds an instance that is ready for the function of the lanes, by the name that this function has", () => {
    const module = read("infra/modules/function-app.bicep");
    const trigger = readFileSync("functions/ingress-write.ts", "utf8");
    const [, name, options] = /app\.serviceBusQueue\("([\w-]+)", \{([\s\S]*?)handler/.exec(trigger) ?? [];

    const groups = textOf(module, "alwaysReady");
    const app = module.get("app");
    const scale = app && at(bodyOf(app), "properties.functionAppConfig.scaleAndConcurrency.alwaysReady")?.text;

    // Flex scales a Service Bus trigger by itself: `function:<name>` and no other group is the one it runs in.
    expect(groups).toContain(`{ name: 'function:${name}', instanceCount: lanesAlwaysReady }`);
    expect(scale).toMatch(/^filter\(alwaysReady, /);
    expect(options).toMatch(/queueName: lanesQueue,\s+isSessionsEnabled: true/);
  });

  it.each([
    ["stage", "1"],
    ["prod", "1"],
    ["dev", "0"],
  ])("has that instance in %s: %s", (environment, count) => {
    expect(textOf(read(`infra/${environment}.bicepparam`), "lanesAlwaysReady")).toBe(count);
  });

  it("passes the number on, and never asks for more instances than could hold a lane", () => {
    const main = read("infra/main.bicep");
    const app = [...main.values()].find(({ symbol }) => symbol === "modules/function-app.bicep");
    const decorated = readFileSync("infra/main.bicep", "utf8");

    expect(app && at(bodyOf(app), "params.lanesAlwaysReady")?.text).toBe("lanesAlwaysReady");
    expect(decorated).toMatch(/@maxValue\(1\)\nparam lanesAlwaysReady int/);
  });

  it("says what it costs: gigabyte-seconds of a month, as the memory of the instance makes them", () => {
    const main = read("infra/main.bicep");
    const memory = Number(/= (\d+)$/.exec(main.get("instanceMemoryMB")?.node.text ?? "")?.[1]) / 1024;
    const seconds = 30 * 24 * 3_600;
    const spaced = (value: number) => String(value).replaceAll(/\B(?=(\d{3})+$)/g, " ");

    const cost = readFileSync("docs/deploy.md", "utf8");

    expect(cost).toContain(`${memory} GB × ${spaced(seconds)} s = ${spaced(memory * seconds)} GB-s`);
  });
});
