// The way of the e-mail events in one process on virtual time: both simulators, tables, hosts that pull; who works when, who dies. What happens to
// e-mails and contacts is history.ts.

import { planActivities } from "../../../infra/dataverse/activities.js";
import { applyRegistration } from "../../../infra/dataverse/provision.js";
import { makeCampaignCore } from "../../../infra/local/campaign/core.js";
import { type DataverseCore, makeDataverseCore } from "../../../infra/local/dataverse/core.js";
import type { SimCore } from "../../../infra/local/sim/types.js";
import type { PullPace } from "../../../shared/flows/pull-events.js";
import type { EventType } from "../../../shared/model/email-event.js";
import { tableNames } from "../../../shared/services.js";
import { type FailureStore, makeFailureStore } from "../../../shared/storage/failures.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import { type Chance, makeChance } from "../chance.js";
import { makeCrew } from "../crew.js";
import { emptyOrganisation, journalOf } from "../dynamics-model.js";
import { makeTransport } from "../peers.js";
import { campaignBudgetMs } from "../plumbing.js";
import { isUnexpected, type LifeParts } from "../process.js";
import { organisationAfter, hosts as peerHosts } from "../registration.js";
import { makeScheduler, type Scheduler } from "../scheduler.js";
import { drawSkew, simWorldOn } from "../sim-world.js";
import { drawTemper, type Temper } from "../temper.js";
import { makeTrace, type Trace } from "../trace.js";
import { type EventHost, type EventSabotage, startEventHost } from "./host.js";
import { type EventRecords, recordsOf } from "./records.js";
import { type EventWire, makeEventWire } from "./wire.js";

/** The system. */
export interface EventWorld {
  scheduler: Scheduler;
  chance: Chance;
  temper: Temper;
  trace: Trace;
  dynamics: DataverseCore;
  campaign: SimCore;
  wire: EventWire;
  failures: FailureStore;
  records: EventRecords;
  /** What is switched on now; operators change it. */
  types: Set<EventType>;
  tasks: ReadonlySet<EventType>;
  /** Milliseconds by which Campaign's clock is ahead. */
  campaignSkewMs: number;
  dynamicsSkewMs: number;
  /** Runs `act` as if Campaign's clock stood so much earlier: a transaction that began then and ends now. */
  backdated<T>(ms: number, act: () => T): T;
  /** Starts the hosts and the timer. */
  start(): void;
  /** From now on the timer rings so often; 0: not at all. */
  everyMs(period: number): void;
  /** All hosts die, as when the app is deployed anew. */
  killAll(why: string): void;
  /** Runs until nobody works. */
  idle(withinMs: number): Promise<boolean>;
  /** Pulls, one run at a time, until one has read everything there was. False: none did within the time. */
  pullThrough(withinMs: number): Promise<boolean>;
  /** Nobody dies or fails between a note and its checkpoint: the app's sums are to be exact. */
  readonly isExact: boolean;
  /** Errors that nobody may throw. */
  readonly bugs: readonly string[];
}

const epochIso = "2026-03-01T00:00:00.000Z";
const minuteMs = 60_000;
const budgetMs = 10 * minuteMs;
/** As in services.ts, but for the pages, which are as small as histories are short. */
const overlaps = { narrowMs: 2 * minuteMs, wideMs: 30 * minuteMs, wideEveryMs: 15 * minuteMs };

let organisation: Promise<readonly unknown[]> | undefined;
/** Dynamics with the activity tables; made once in a process. */
function organisationWithTables(nowMs: number): Promise<readonly unknown[]> {
  organisation ??= organisationAfter(emptyOrganisation(nowMs), nowMs, async (client, clock) => {
    const options = { client, clock, prefix: "acs", solution: "acs_campaign" };
    await applyRegistration(await planActivities(options), () => {});
  });
  return organisation;
}

/** Makes the system of a seed; nothing runs yet. */
export async function makeEventWorld(seed: number, sabotage?: EventSabotage): Promise<EventWorld> {
  const chance = makeChance(seed);
  const scheduler = makeScheduler(epochIso);
  const trace = makeTrace(scheduler.now, scheduler.now());
  const temper = drawTemper(chance.fork());
  const parts: LifeParts = { scheduler, temper, chance: chance.fork(), trace };
  const bugs: string[] = [];
  const [campaignSkewMs, dynamicsSkewMs] = [drawSkew(chance), drawSkew(chance)];

  const campaignWorld = simWorldOn(scheduler, chance, campaignSkewMs);
  let backMs = 0;
  const campaign = makeCampaignCore({ ...campaignWorld, now: () => campaignWorld.now() - backMs });
  const switches = {
    paging: chance.pick(["key", "offset"]),
    stagingMinutes: chance.pick([0, 0, 5]),
    tokenLifetimeS: chance.pick([900, 7_200, 86_399]),
  };
  campaign.command?.("settings", switches);
  const dynamics = makeDataverseCore(
    simWorldOn(scheduler, chance, dynamicsSkewMs),
    {},
    journalOf(await organisationWithTables(scheduler.now())),
  );
  const wire = makeEventWire(scheduler.now, trace);
  const transport = makeTransport({
    ...parts,
    chance: chance.fork(),
    cores: { [peerHosts.campaign]: campaign, [peerHosts.dynamics]: dynamics },
    log: wire,
    lateMs: campaignBudgetMs * 0.45,
  });

  const memory = makeMemoryEntityTables();
  await memory.ensure(tableNames);
  const records = recordsOf(memory, scheduler.now);
  const types = new Set<EventType>();
  const tasks = new Set(chance.pick<EventType[]>([[], ["click"], ["click", "bounce"]]));
  const pace: PullPace = { pageSize: chance.between(2, 9), pagesAtOnce: chance.pick([1, 2, 4]), ...overlaps };
  const isFiltered = chance.happens(0.8);
  const tables = { ...memory, table: records.watch };
  const windowRows = switches.stagingMinutes === 0 ? 40 : 1_000;
  const settings = () => ({ types: new Set(types), tasks });
  trace.add("world", JSON.stringify({ ...switches, ...pace, isFiltered, campaignSkewMs, tasks: [...tasks] }));

  const ways = chance.fork();
  const crew = makeCrew<EventHost>(
    parts,
    ways,
    (life) =>
      startEventHost(life, parts, { tables, transport, trace, pace, isFiltered, windowRows, settings, sabotage }),
    wire.died,
  );
  const crewSize = chance.pick([1, 2, 2, 3]);
  /** How often a run begins although another one is under way: timers' leases fail over. */
  const overlapRate = crewSize === 1 ? 0 : chance.pick([0.02, 0.3]);

  let pulling = 0;
  /** Answers whether the run read everything there was. */
  const pull = async (): Promise<boolean> => {
    const host = crew.some();
    if (!host) return false;
    pulling += 1;
    let isDone = false;
    await crew
      .work(host, async () => {
        isDone = await host.pull(budgetMs);
      })
      .catch((error: unknown) => {
        if (isUnexpected(error)) bugs.push(String((error as Error).stack));
      });
    pulling -= 1;
    return isDone;
  };
  let period = minuteMs;
  let tickAt = 0;
  const tick = (at: number): void => {
    if (period === 0 || at !== tickAt) return;
    if (pulling === 0 || (!temper.isOver && ways.happens(overlapRate))) void pull();
    tickAt = scheduler.now() + period;
    scheduler.after(period, () => tick(at + period));
  };
  const everyMs = (next: number): void => {
    period = next;
    tickAt = scheduler.now();
    tick(tickAt);
  };
  const isIdle = (): boolean => crew.working === 0 && crew.all.every(({ life }) => life.alive);
  const idle = async (withinMs: number): Promise<boolean> => {
    await scheduler.runUntil(scheduler.now() + withinMs, isIdle);
    return isIdle();
  };

  return {
    scheduler,
    chance,
    temper,
    trace,
    dynamics,
    campaign,
    wire,
    failures: makeFailureStore(memory.table("failures"), scheduler.clock),
    records,
    types,
    tasks,
    campaignSkewMs,
    dynamicsSkewMs,
    backdated(ms, act) {
      backMs = ms;
      try {
        return act();
      } finally {
        backMs = 0;
      }
    },
    start() {
      crew.start(crewSize);
      everyMs(period);
    },
    everyMs,
    killAll(why) {
      for (const { life } of crew.all) life.die(why);
    },
    idle,
    async pullThrough(withinMs) {
      const until = scheduler.now() + withinMs;
      for (;;) {
        await idle(until - scheduler.now());
        let outcome: boolean | undefined;
        void pull().then((done) => {
          outcome = done;
        });
        await scheduler.runUntil(until, () => outcome !== undefined);
        if (outcome) return true;
        if (scheduler.now() >= until) return false;
        await scheduler.runUntil(Math.min(until, scheduler.now() + minuteMs));
      }
    },
    isExact: temper.rates.kill === 0 && temper.rates.tables === 0 && overlapRate === 0,
    bugs,
  };
}
