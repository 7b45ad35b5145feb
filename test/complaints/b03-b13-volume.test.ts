// That nothing bounds a load or a replay cannot be shown by one of 15 million rows here (that is `npm run bench -- load --full`). It is shown by what a
// bound would need: a run keeps no more than a few pages in hand, and any number of runs, each killed somewhere, goes on where the last one stopped.

import { beforeEach, describe, expect, it } from "vitest";
import type { LoadPace } from "../../shared/flows/fill-lanes.js";
import { fullReadStream, orderReplay } from "../../shared/flows/full-read.js";
import { sweep } from "../../shared/flows/sweep.js";
import { type IngressWorld, Killed, makeIngressWorld } from "../support/ingress-world.js";
import { recordId } from "../support/samples.js";

const pace: LoadPace = { pageSize: 10, maxDepth: 40, lanes: 2, pollMs: 10, followMs: 60_000 };
const rows = 300;

let world: IngressWorld;
beforeEach(async () => {
  world = await makeIngressWorld();
  for (let number = 0; number < rows; number += 1) world.dynamics.put(recordId(number), { lastname: `Name${number}` });
});

const checkpoint = async () => (await world.ports.checkpoints.read("ingress", fullReadStream("contact")))?.values;

/** Sweeps until nothing is left to read; each run dies at one of its calls, later and later. Answers how many runs it took. */
async function sweepThroughKills(): Promise<number> {
  for (let run = 1; ; run += 1) {
    world.killAt({ call: 40 + 7 * run, when: run % 2 === 0 ? "before" : "after" });
    try {
      const { loadsDone } = await sweep(world.busyPorts(), pace, world.clock.now() + 60_000);
      await world.drain();
      world.restart();
      if (loadsDone) return run;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      world.restart();
    }
  }
}

/** The most rows that any one page brought from Dynamics. */
function watchPages(): { largest(): number; read(): number } {
  const { readPage } = world.ports.dynamics;
  let [largest, read] = [0, 0];
  world.ports.dynamics.readPage = async (mapping, cursor, size) => {
    const page = await readPage(mapping, cursor, size);
    largest = Math.max(largest, page.rows.length);
    read += page.rows.length;
    return page;
  };
  return { largest: () => largest, read: () => read };
}

describe("B13: a first load of millions of rows fails and has to be mended by hand", () => {
  it("goes on where it was killed, time and again, and ends complete, every record created once", async () => {
    const pages = watchPages();

    const runs = await sweepThroughKills();

    expect(runs).toBeGreaterThan(10);
    expect(world.profiles()).toHaveLength(rows);
    const writes = Array.from({ length: rows }, (_, number) => world.writes(recordId(number)));
    expect(writes.flat().filter(({ method }) => method === "POST")).toHaveLength(rows);
    expect(await checkpoint()).toMatchObject({ phase: "done", mode: "load", count: rows });
    // A kill costs the few pages that were in hand, never what came before them.
    expect(pages.read()).toBeLessThanOrEqual(rows + 3 * runs * pace.pageSize);
  });

  it("reads page by page and queues no more records than the pace allows, however long the table is", async () => {
    const pages = watchPages();
    let deepest = 0;
    const { sendBundles } = world.ports.queue;
    world.ports.queue.sendBundles = async (bundles) => {
      await sendBundles(bundles);
      const depth = [...(await world.queue.depths(10_000)).values()].reduce((sum, one) => sum + one, 0);
      deepest = Math.max(deepest, depth);
    };

    await sweep(world.busyPorts(), pace, world.clock.now() + 600_000);
    await world.drain();

    expect(pages.largest()).toBe(pace.pageSize);
    expect(deepest).toBeLessThanOrEqual(pace.maxDepth);
    expect(world.profiles()).toHaveLength(rows);
  });
});

describe("B3: a replay is refused for large tables or backlogs", () => {
  it("is taken whatever the table's size and the backlog, resumes after every kill, and writes only what differs", async () => {
    await sweepThroughKills();
    for (let number = 0; number < rows; number += 1)
      world.dynamics.put(recordId(number), { lastname: `Name${number}` });
    for (const number of [3, 4, 5]) world.dynamics.put(recordId(number), { lastname: "Neuhaus" });
    // The backlog: all of these wait in the lanes when the replay is ordered.
    await sweep(world.ports, pace, world.clock.now());
    const before = world.campaignCalls();

    const ordered = await orderReplay(world.ports, "contact", "changed");
    const runs = await sweepThroughKills();

    expect(ordered).toEqual({ generation: 2 });
    expect(runs).toBeGreaterThan(3);
    expect(await checkpoint()).toMatchObject({ phase: "done", mode: "changed", count: rows });
    expect(world.profiles().filter(({ lastName }) => lastName === "Neuhaus")).toHaveLength(3);
    // A kill between a call and what is noted of it costs that call once more.
    expect(world.campaignCalls() - before).toBeLessThanOrEqual(3 + runs);
  });
});
