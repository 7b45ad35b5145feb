// What must hold of a history with real processes once its faults have ended (issue 4, convergence). Each broken rule is said in words.

import { eventually, type Observer, type RecordWrite } from "../../infra/local/people.js";
import { compareHoldings, readHoldings, type TableDifference } from "../../infra/local/scenarios/acme/compare.js";
import { type Edition, placeOf, tableNames } from "../../infra/local/scenarios/acme/mappings.js";
import { retryAfterSeconds } from "./real-faults.js";
import type { RealSystem } from "./real-system.js";

/** A broken rule, and whom it is about. */
export interface Broken {
  what: string;
  id: string;
}

/** Others may not have heard of a pause for so long. */
const heardWithinMs = 1_000;
const quietMs = 3_000;
const looksAtRest = 4;

/** Waits until the systems agree, or say by an open failure why not, and no message waits; answers what is left of it after `withinMs`. */
export async function comeToRest(system: RealSystem, edition: Edition, withinMs: number): Promise<Broken[]> {
  let left: Broken[] = [];
  const look = async (): Promise<true | undefined> => {
    const differences = compareHoldings(await readHoldings(system.observer), edition);
    // What is scheduled for later is old news of records that have come over otherwise, or shows as a difference.
    const { active } = await system.waiting();
    const reading = await fullReads(system);
    left = [
      ...(await unexplained(system, differences)),
      ...(active > 0 ? [{ what: `${active} messages wait`, id: "" }] : []),
      ...reading.map((what) => ({ what, id: "" })),
    ];
    return left.length === 0 || undefined;
  };
  await eventually("rest", look, { withinMs, everyMs: 300 }).catch((error: unknown) => {
    if (left.length === 0) throw error;
  });
  return left;
}

async function fullReads({ operator }: RealSystem): Promise<string[]> {
  const { tables } = (await operator.send("GET", "/status")) as {
    tables: { table: string; fullRead?: { phase: string; mode: string } }[];
  };
  return tables.flatMap(({ table, fullRead }) =>
    fullRead && fullRead.phase !== "done" ? [`a full read (${fullRead.mode}) of ${table} is under way`] : [],
  );
}

async function unexplained(
  { state }: Pick<RealSystem, "state">,
  differences: readonly TableDifference[],
): Promise<Broken[]> {
  const reasons = new Map<string, string>();
  for await (const { table, id, message } of state.failures.list("open")) reasons.set(`${table} ${id}`, message);
  return differences
    .filter(({ table, id, what }) => what === "there are two records" || !reasons.get(`${table} ${id}`))
    .map(({ table, id, what }) => ({ what: `${table}: ${what}`, id }));
}

/**
 * Messages that Campaign goes on getting although nothing changes any more. A record whose write was interrupted is written once more when its time has
 * come, which may be a moment after both systems agree.
 */
export async function callsAtRest({ observer, runtime }: RealSystem): Promise<Broken[]> {
  for (let look = 1; ; look += 1) {
    const before = (await observer.requests("campaign")).total;
    await new Promise((resolve) => setTimeout(resolve, quietMs));
    const calls = (await observer.requests("campaign")).total - before;
    if (calls === 0) return [];
    if (look < looksAtRest) continue;
    const answer = await fetch(`${runtime.addresses.campaign}/_sim/requests?limit=${calls}`);
    const { requests } = (await answer.json()) as { requests: { at: string; method: string; path: string }[] };
    return requests.map(({ at, method, path }) => ({
      what: `Campaign is asked at rest: ${at} ${method} ${path}`,
      id: "",
    }));
  }
}

/**
 * Records of the seed that got the same content twice in a row, where nothing had interrupted the first write. `excused`: calls may have been
 * interrupted anywhere in this seed; else only by a kill between the two.
 */
export async function repeatedWrites(
  { observer }: Pick<RealSystem, "observer">,
  isOurs: (id: string) => boolean,
  { excused, kills }: { excused: boolean; kills: readonly number[] },
): Promise<Broken[]> {
  if (excused) return [];
  const broken: Broken[] = [];
  for (const table of tableNames) {
    const { resource } = placeOf[table];
    for (const key of (await observer.equalWrites(resource)).filter(isOurs)) {
      for (const [first, second] of equalNeighbours(await observer.writes(key, resource))) {
        // The killed host's call may have arrived after its death.
        const isExplained = kills.some((at) => at > Date.parse(first.at) - 5_000 && at < Date.parse(second.at));
        if (!isExplained)
          broken.push({ what: `${table}: the same ${second.method} twice, at ${first.at} and ${second.at}`, id: key });
      }
    }
  }
  return broken;
}

function equalNeighbours(writes: readonly RecordWrite[]): [RecordWrite, RecordWrite][] {
  return writes.flatMap((write, index): [RecordWrite, RecordWrite][] => {
    const before = writes[index - 1];
    return before?.sha256 === write.sha256 && before.method === write.method ? [[before, write]] : [];
  });
}

/** Requests that Campaign got although it had asked everybody to wait, and everybody had had time to hear of it. */
export async function impatientCalls(campaign: string): Promise<Broken[]> {
  const { requests } = (await (await fetch(`${campaign}/_sim/requests?limit=1000`)).json()) as {
    requests: { at: string; method: string; path: string; insideRetryAfterMs?: number }[];
  };
  return requests.flatMap(({ at, method, path, insideRetryAfterMs }) => {
    if (insideRetryAfterMs === undefined) return [];
    const sinceToldMs = retryAfterSeconds * 1_000 - insideRetryAfterMs;
    return sinceToldMs <= heardWithinMs
      ? []
      : [{ what: `${method} ${path} at ${at}, ${sinceToldMs} ms after Campaign had asked to wait`, id: "" }];
  });
}

/** Clears what the rules count. */
export async function forgetRequests(observer: Observer, campaign: string): Promise<void> {
  await fetch(`${campaign}/_sim/requests`, { method: "DELETE" });
  await observer.takeCalls();
}
