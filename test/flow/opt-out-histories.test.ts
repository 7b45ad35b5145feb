// Every history of few acts on one opt-out, not a sample of them: a person chooses on either side, somebody edits, deletes and makes anew, notices and pulls
// ring, a load's row comes late, messages come twice, and the process dies at any call, or somebody acts in the middle of a message.

import { describe, expect, it } from "vitest";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import {
  actInCampaign,
  actInDynamics,
  type Bell,
  deleteOrMake,
  newOptOutWorld,
  type OptOutSetting,
  type OptOutWorld,
  optOutMapping,
  readForLoad,
  ring,
  signatureOf,
} from "../support/opt-out-world.js";

/** Most acts of a history; more with `npm run test:histories`. */
const depths = { in: Number(process.env.ACTS_IN ?? 4), out: Number(process.env.ACTS_OUT ?? 4) };
const skewMs = 15_000;

type Step = { name: string; cost: number; run(world: OptOutWorld): Promise<void> | void };

/** Campaign is asked for what moved only where its choices count. */
function bellsOf({ direction }: OptOutSetting): Bell[] {
  return ["notice", "load", "redrive", "later", ...(direction === "toCampaign" ? [] : (["moved"] as const))];
}

/** Everything that can happen next, with the calls at which it can be interrupted. */
async function stepsFrom(
  world: OptOutWorld,
  setting: OptOutSetting,
  mapping: CompiledMapping,
  left: number,
): Promise<Step[]> {
  const people: Step[] = [
    { name: "out in Dynamics", cost: 1, run: (on) => actInDynamics(on, setting, true) },
    { name: "in in Dynamics", cost: 1, run: (on) => actInDynamics(on, setting, false) },
    { name: "edit in Dynamics", cost: 1, run: (on) => actInDynamics(on, setting, undefined) },
    { name: "out in Campaign", cost: 1, run: (on) => actInCampaign(on, true) },
    { name: "in in Campaign", cost: 1, run: (on) => actInCampaign(on, false) },
    { name: "delete or make anew", cost: 1, run: (on) => deleteOrMake(on, setting) },
  ];
  const steps = [...people, { name: "load reads", cost: 1, run: (on: OptOutWorld) => readForLoad(on, mapping) }];
  for (const bell of bellsOf(setting)) {
    const calls = await ring(structuredClone(world), setting, mapping, bell);
    if (calls === 0) continue;
    steps.push({ name: bell, cost: 1, run: async (on) => void (await ring(on, setting, mapping, bell)) });
    if (left < 2) continue;
    for (let call = 1; call <= calls; call += 1) {
      for (const kind of ["kill before", "kill after"] as const) {
        const run = async (on: OptOutWorld) => void (await ring(on, setting, mapping, bell, { call, kind }));
        steps.push({ name: `${bell}, ${kind} call ${call}`, cost: 2, run });
      }
      for (const person of people) {
        const act = (on: OptOutWorld): void => void person.run(on);
        const run = async (on: OptOutWorld) =>
          void (await ring(on, setting, mapping, bell, { call, kind: "act", act }));
        steps.push({ name: `${bell}, at call ${call} ${person.name}`, cost: 2, run });
      }
    }
  }
  return steps;
}

/** All faults are over: whatever waits is handled, both doorbells ring until nothing moves any more. */
async function rest(world: OptOutWorld, setting: OptOutSetting, mapping: CompiledMapping): Promise<OptOutWorld> {
  const on = structuredClone(world);
  for (let round = 0; round < 12; round += 1) {
    const before = on.writes;
    for (const bell of bellsOf(setting).filter((one) => one === "notice" || one === "moved")) {
      await ring(on, setting, mapping, bell);
      while (on.later.length > 0) await ring(on, setting, mapping, "later");
    }
    if (on.writes === before && round > 1) return on;
  }
  on.wrong.push("it does not come to rest: a loop");
  return on;
}

function judge({ direction }: OptOutSetting, { wrong, dynamics, campaign, acts }: OptOutWorld): string[] {
  const found = [...wrong];
  if (dynamics && !campaign) found.push("the contact is not in Campaign");
  if (!dynamics || !campaign) return found;
  if (direction === "both" && dynamics.out !== campaign.out) found.push("the sides differ");
  // Nobody asks Campaign then: a person's newer opt-in there stays.
  const isChoice = acts.findLast((act) => act.side === "campaign" || act.out)?.side === "campaign";
  if (direction === "toCampaign" && dynamics.out && !campaign.out && !isChoice) found.push("Campaign is not opted out");
  if (direction === "toDynamics" && campaign.out && !dynamics.out) found.push("Dynamics is not opted out");
  return found;
}

/** Plays every history, those that have come to the same once; answers how many were played on, and the first wrong ones. */
async function playAll(setting: OptOutSetting, from: "in" | "out"): Promise<{ worlds: number; wrong: string[] }> {
  const mapping = optOutMapping(setting);
  const depth = depths[from];
  const start = newOptOutWorld();
  await ring(start, setting, mapping, "notice");
  if (from === "out") {
    actInDynamics(start, setting, true);
    actInCampaign(start, true);
    await ring(start, setting, mapping, "notice");
  }
  const layers = Array.from({ length: depth + 1 }, () => new Map<string, { world: OptOutWorld; trail: string[] }>());
  layers[0]?.set("", { world: start, trail: [] });
  const known = new Set<string>();
  const wrong: string[] = [];
  for (const [done, layer] of layers.entries()) {
    for (const { world, trail } of layer.values()) {
      const found = judge(setting, await rest(world, setting, mapping));
      if (found.length > 0) wrong.push(`${[...new Set(found)].join("; ")}: ${trail.join(" → ")}`);
      if (wrong.length >= 5) return { worlds: known.size, wrong };
      const left = depth - done;
      if (left === 0) continue;
      for (const { name, cost, run } of await stepsFrom(world, setting, mapping, left)) {
        const next = structuredClone(world);
        await run(next);
        const signature = signatureOf(next, setting);
        if (known.has(signature)) continue;
        known.add(signature);
        layers[done + cost]?.set(signature, { world: next, trail: [...trail, name] });
      }
    }
    layer.clear();
  }
  return { worlds: known.size, wrong };
}

describe.each(["both", "toDynamics", "toCampaign"] as const)("every history of few acts, direction %s", (direction) => {
  it.each([
    { from: "in", offsetMs: 0 },
    { from: "in", offsetMs: 12_000 },
    { from: "in", offsetMs: -12_000 },
    { from: "out", offsetMs: 0 },
    { from: "out", offsetMs: 12_000 },
    { from: "out", offsetMs: -12_000 },
  ] as const)(
    "from a contact that is opted $from, Dynamics' clock $offsetMs ms ahead: nobody is opted in against a newer opt-out, and it comes to rest",
    async ({ from, offsetMs }) => {
      const { worlds, wrong } = await playAll({ direction, offsetMs, skewMs }, from);

      expect(wrong).toEqual([]);
      expect(worlds).toBeGreaterThan(100);
    },
    3_600_000,
  );
});
