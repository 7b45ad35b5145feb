// Our compiled mapping against three public mapping libraries: same rows, equal output, one process, taking turns.

import { deepStrictEqual } from "node:assert/strict";
import { inventContact } from "../../infra/local/scenarios/contacts.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import type { Row } from "../../shared/model/row.js";
import type { Bench, Result } from "../bench.js";
import { median } from "../measure.js";
import { type MapOne, makeJsonata, makeMappingKit, makeObjectMapper } from "./rivals.js";

const part = "mapping";

interface Engine {
  name: string;
  map: MapOne;
  /** ns per row, a number a round. */
  times: number[];
}

/** The shipped contact mapping over a thousand invented contacts, none of which needs cutting: not every library could. */
export const mapping: Bench = {
  name: part,
  async run({ full, say }) {
    const rows = someRows(1000);
    const engines = makeEngines();
    await requireEqualOutput(engines, rows);
    const rounds = full ? 60 : 20;
    const warmUp = 5;
    for (let round = 0; round < warmUp + rounds; round += 1) {
      if (round % 10 === 0) say(`round ${round} of ${warmUp + rounds}`);
      // Another one begins every round.
      const first = round % engines.length;
      for (const engine of [...engines.slice(first), ...engines.slice(0, first)]) {
        const ns = await nsPerRow(engine.map, rows);
        if (round >= warmUp) engine.times.push(ns);
      }
    }
    return toResults(engines);
  },
};

function makeEngines(): Engine[] {
  const contact = shippedMappings().get("contact");
  if (!contact) throw new Error("no mapping for contact ships");
  const makers: [string, MapOne][] = [
    ["ours", (row) => contact.map(row as Row).always],
    ["object-mapper", makeObjectMapper()],
    ["jsonata", makeJsonata()],
    ["@segment/actions-core mapping-kit", makeMappingKit()],
  ];
  return makers.map(([name, map]) => ({ name, map, times: [] }));
}

/** Contacts as a full read brings them: every cell is there, empty ones as null. */
function someRows(count: number): Row[] {
  const cells = shippedMappings().get("contact")?.cells ?? [];
  const empty = Object.fromEntries(cells.map((cell) => [cell, null]));
  // Every 97th has a first name that has to be cut.
  const numbers = Array.from({ length: 2 * count }, (_, number) => number).filter((number) => number % 97 !== 0);
  return numbers.slice(0, count).map((number) => ({ ...empty, ...inventContact(number) }));
}

async function requireEqualOutput([ours, ...others]: readonly Engine[], rows: readonly Row[]): Promise<void> {
  for (const row of rows) {
    const expected = await ours?.map(row);
    for (const other of others) deepStrictEqual(plain(await other.map(row)), expected);
  }
}

/** jsonata's objects have no prototype; in all that counts they are equal. */
const plain = (mapped: object): object => ({ ...mapped });

/** All rows, as often as it takes to be longer than the clock's noise. */
async function nsPerRow(map: MapOne, rows: readonly Row[]): Promise<number> {
  const atLeastMs = 40;
  const startedAt = performance.now();
  let mapped = 0;
  let elapsed = 0;
  while (elapsed < atLeastMs) {
    for (const row of rows) {
      const result = map(row);
      // Awaited only where the library is asynchronous.
      kept = result instanceof Promise ? await result : result;
    }
    mapped += rows.length;
    elapsed = performance.now() - startedAt;
  }
  return (elapsed * 1e6) / mapped;
}

/** Results go somewhere, or the compiler could leave the work out. */
let kept: object = {};

function toResults(engines: readonly Engine[]): Result[] {
  const timed = engines.map(({ name, times }) => ({ name, ns: median(times) }));
  const own = timed[0]?.ns ?? Number.NaN;
  const others = timed.slice(1);
  const fastest = Math.min(...others.map(({ ns }) => ns));
  if (Object.keys(kept).length === 0) throw new Error("nothing was mapped");
  return [
    ...timed.map(
      ({ name, ns }): Result => ({
        name: `${part} a contact, ${name}`,
        value: ns / 1000,
        unit: "µs",
        goal: null,
        better: "lower",
      }),
    ),
    ...others.map(
      ({ name, ns }): Result => ({
        name: `${part} speed against ${name}`,
        value: ns / own,
        unit: "ratio",
        goal: null,
        better: "higher",
      }),
    ),
    {
      name: `${part} speed against the fastest of them`,
      value: fastest / own,
      unit: "ratio",
      goal: 10,
      better: "higher",
    },
  ];
}
