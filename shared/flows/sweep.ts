// One run of the sweep: follow change tracking of every table, then read in full what was ordered, parents first, until all is done or the time
// is over. A table in trouble is set aside and costs the others nothing.

import { peerOf, TableError } from "../errors.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { LoadPace } from "./fill-lanes.js";
import { followChanges } from "./follow-changes.js";
import type { IngressPorts } from "./ports.js";
import { type Guard, makeTableReader } from "./read-table.js";
import { decideFate, isPeersTrouble } from "./settle.js";

/** What one sweep did, over all tables. `setAside`: tables in trouble, each with why. */
export interface SweepResult {
  changes: number;
  loaded: number;
  loadsDone: boolean;
  stopped: boolean;
  setAside: readonly { table: string; why: string }[];
}

/**
 * Follows the changes of every mapped table, then reads in full what was ordered, until all is done or `deadline` (epoch ms). Changes are
 * followed on meanwhile. Does nothing while the flow is stopped; leaves parked tables alone.
 */
export async function sweep(ports: IngressPorts, pace: LoadPace, deadline: number): Promise<SweepResult> {
  await ports.binding();
  const setAside = new Map<string, string>();
  const result = { changes: 0, loaded: 0, loadsDone: false, stopped: false };
  const guard = guardOf(ports, setAside);
  const reader = makeTableReader(ports, pace, guard);
  const answer = (): SweepResult => ({
    ...result,
    setAside: [...setAside].map(([table, why]) => ({ table, why })),
  });
  let followedAt = Number.NEGATIVE_INFINITY;

  for (;;) {
    const { wanted, parked } = await ports.control.current();
    if (wanted === "stopped") return { ...answer(), stopped: true };
    const { mappings } = await ports.settings.current();
    const tables = parentsFirst(mappings).filter(({ table }) => !parked.has(table.name) && !setAside.has(table.name));
    if (ports.clock.now() - followedAt >= pace.followMs) {
      for (const mapping of tables) {
        await guard(mapping, async () => {
          result.changes += await followChanges(ports, mapping);
        });
      }
      followedAt = ports.clock.now();
    }
    const turn = await reader.turn(tables);
    result.loaded += turn.loaded;
    result.loadsDone = turn.done;
    if (turn.done || ports.clock.now() >= deadline) return answer();
    if (!turn.moved) await ports.clock.sleep(pace.pollMs);
  }
}

/** Tables in an order in which nobody comes before a table that it waits for. */
export function parentsFirst(mappings: ReadonlyMap<string, CompiledMapping>): CompiledMapping[] {
  const ordered = new Set<CompiledMapping>();
  const add = (mapping: CompiledMapping | undefined): void => {
    if (!mapping || ordered.has(mapping)) return;
    for (const parent of mapping.waitsFor) add(mappings.get(parent));
    ordered.add(mapping);
  };
  for (const mapping of mappings.values()) add(mapping);
  return [...ordered];
}

/** Trouble with one table sets that table aside; trouble with a peer ends the sweep and is told to everybody. */
function guardOf(ports: IngressPorts, setAside: Map<string, string>): Guard {
  return async ({ table }, work) => {
    try {
      await work();
      await ports.gates.fine("dynamics");
    } catch (error) {
      const peer = peerOf(error);
      if (peer && isPeersTrouble(error)) await ports.gates.trouble(peer, error);
      if (!(error instanceof TableError)) throw error;
      const fate = decideFate(error, 0, ports.clock.now());
      if (fate.fate === "park") await ports.control.park(table.name, fate.code, fate.message, fate.until);
      setAside.set(table.name, error.message);
    }
  };
}
