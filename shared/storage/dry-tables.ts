// The state that a dry run works on: the real one as it stood, with whatever the run changes in tables of its own on top, so that the real run goes on from
// where it was. How two tables become one is layered-table.ts.

import { createHash } from "node:crypto";
import { ConflictError, UnavailableError } from "../errors.js";
import type { Clock } from "../model/clock.js";
import type { Entity, EntityTable } from "./entity-table.js";
import type { DroppableTables, EntityTables } from "./entity-tables.js";
import { makeLayeredTable } from "./layered-table.js";

/** Which dry run it is. Each has tables of its own: a name that was dropped cannot be used again at once. */
export interface DryRunInfo {
  number: number;
  startedAt: string;
}

/** Tables as every store takes them, and those of the dry run itself. */
export interface DryTables extends EntityTables {
  /** The run under way, known a second ago or less. */
  info(): Promise<DryRunInfo>;
  /** A table of this run's alone, with nothing below it. */
  own(name: string): () => Promise<EntityTable>;
  /** Drops what this run has changed and begins the next one; answers it. */
  startOver(): Promise<DryRunInfo>;
}

/** Which tables a dry run has. `copied`: the real ones it has a copy of; the others are used as they are. `own`: those that are its alone. */
export interface DryTableNames {
  copied: readonly string[];
  own: readonly string[];
  /** What the real app changes with every sweep: other than it was means that the copy is out of date. */
  stamp: string;
}

const runTable = "dryrun";
const [partition, row] = ["run", "main"];
const infoAgeMs = 1_000;

/** The tables of the dry run over `base`. */
export function makeDryTables(
  base: DroppableTables,
  { copied, own, stamp }: DryTableNames,
  clock: Pick<Clock, "now">,
): DryTables {
  const runs = base.table(runTable);
  let known: { info: DryRunInfo; readAt: number } | undefined;

  const namesOf = (number: number): string[] => [...copied, ...own].map((name) => tableOf(number, name));
  const keep = (info: DryRunInfo, readAt: number): DryRunInfo => {
    known = { info, readAt };
    return info;
  };
  const readRun = async (): Promise<Entity | undefined> => runs.get(partition, row);

  const info = async (): Promise<DryRunInfo> => {
    if (known && clock.now() - known.readAt < infoAgeMs) return known.info;
    const readAt = clock.now();
    const found = await readRun();
    if (!found) throw new UnavailableError("the dry run has not begun yet", false);
    return keep(toInfo(found), readAt);
  };

  /** Begins the next run, unless somebody else just has. Its tables are there before anybody knows of it. */
  const begin = async (current: Entity | undefined): Promise<DryRunInfo> => {
    const next = { number: (current ? toInfo(current).number : 0) + 1, startedAt: new Date(clock.now()).toISOString() };
    await base.ensure(namesOf(next.number));
    const values = { ...next, stamp: await stampOf(base.table(stamp)) };
    try {
      if (current) await runs.replace(partition, row, values, current.etag);
      else await runs.insert(partition, row, values);
    } catch (error) {
      const other = error instanceof ConflictError ? await readRun() : undefined;
      if (!other) throw error;
      return keep(toInfo(other), clock.now());
    }
    if (current) await base.drop(namesOf(toInfo(current).number));
    return keep(next, clock.now());
  };

  return {
    table(name) {
      if (!copied.includes(name)) return base.table(name);
      return makeLayeredTable(base.table(name), async () => base.table(tableOf((await info()).number, name)));
    },
    async ensure(names) {
      await base.ensure([...names, runTable]);
      const current = await readRun();
      const isSame = current?.values.stamp === (await stampOf(base.table(stamp)));
      if (!current || !isSame) await begin(current);
      else await base.ensure(namesOf(keep(toInfo(current), clock.now()).number));
    },
    info,
    own: (name) => async () => base.table(tableOf((await info()).number, name)),
    async startOver() {
      return begin(await readRun());
    },
  };
}

function tableOf(number: number, name: string): string {
  return `dry${number}${name}`;
}

function toInfo({ values }: Entity): DryRunInfo {
  return { number: Number(values.number), startedAt: String(values.startedAt) };
}

async function stampOf(table: EntityTable): Promise<string> {
  const hash = createHash("sha256");
  for await (const { partition: part, row: key, etag } of table.list()) hash.update(`${part}/${key}/${etag}\n`);
  return hash.digest("hex");
}
