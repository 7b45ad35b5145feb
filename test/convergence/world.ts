// The whole system in one process on virtual time: simulators, bus, tables, hosts; who works when, who dies, what is delivered again. What people
// do in Dynamics is history.ts.

import { makeCampaignCore } from "../../infra/local/campaign/core.js";
import { type DataverseCore, makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { campaignInstance } from "../../infra/local/scenarios/acme/campaign-instance.js";
import {
  documentsOf,
  type Edition,
  type MappingDocument,
  type TableName,
} from "../../infra/local/scenarios/acme/mappings.js";
import type { SimCore } from "../../infra/local/sim/types.js";
import { collectDeadLetter } from "../../shared/flows/collect-dead-letter.js";
import type { LoadPace } from "../../shared/flows/fill-lanes.js";
import { finishPublication } from "../../shared/flows/finish-publication.js";
import { handleMessage } from "../../shared/flows/handle-message.js";
import type { IngressPorts } from "../../shared/flows/ports.js";
import { pullOptOuts } from "../../shared/flows/pull-opt-outs.js";
import { sweep } from "../../shared/flows/sweep.js";
import { type Delivery, type MemoryChangeQueue, makeMemoryChangeQueue } from "../../shared/messaging/memory-queue.js";
import { parseMessage } from "../../shared/model/envelope.js";
import type { OptOutDirection } from "../../shared/optout/attributes.js";
import { tableNames as stateTables } from "../../shared/services.js";
import { makeControlStore } from "../../shared/storage/control.js";
import { type FailureStore, makeFailureStore } from "../../shared/storage/failures.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { makeSettingsVersions, shippedVersion } from "../../shared/storage/settings-versions.js";
import { type CampaignLog, makeCampaignLog } from "./campaign-log.js";
import { type Chance, makeChance } from "./chance.js";
import { makeCrew } from "./crew.js";
import { journalOf, registeredOrganisation } from "./dynamics-model.js";
import { type Deployment, type Host, parkAfter, startHost } from "./host.js";
import { type Choices, makeChoices } from "./opt-outs/choices.js";
import { optOutPace, skewMs, withOptOuts } from "./opt-outs/mapping.js";
import { makeTransport } from "./peers.js";
import { campaignBudgetMs } from "./plumbing.js";
import { isUnexpected, type Life, type LifeParts } from "./process.js";
import { hosts as peerHosts } from "./registration.js";
import { makeScheduler, type Scheduler } from "./scheduler.js";
import { drawSkew, simWorldOn } from "./sim-world.js";
import { drawTemper, type FaultKind, type Temper } from "./temper.js";
import { makeTrace, type Trace } from "./trace.js";

/** What is switched on. */
export interface WorldOptions {
  seed: number;
  tables: readonly TableName[];
  hosts: number;
  /** Opt-outs are kept equal in this direction; left out: nobody chooses any. */
  optOuts?: OptOutDirection | undefined;
  /** Breaks the product on purpose, to see that it is noticed. */
  sabotage?: (ports: IngressPorts) => IngressPorts;
  /** Faults that never strike. */
  without: readonly FaultKind[];
}

/** The system. */
export interface World {
  readonly options: WorldOptions;
  scheduler: Scheduler;
  chance: Chance;
  temper: Temper;
  trace: Trace;
  dynamics: DataverseCore;
  campaign: SimCore;
  log: CampaignLog;
  queue: MemoryChangeQueue;
  failures: FailureStore;
  /** What people chose of opt-outs; undefined: none in this history. */
  choices: Choices | undefined;
  /** Asks Campaign what moved; answers how many contacts that rang for, undefined: it was not the whole of it. Errors are the caller's. */
  pull(): Promise<number | undefined>;
  /** The edition in force, by the version of the settings. */
  edition(): Edition;
  /** Puts the other edition in force and orders the replays that it owes; tried until it succeeds, in one host or another. */
  publish(): Promise<void>;
  /** Runs `task` in a living host; undefined when it died over it. Errors are the task's own. */
  inSomeHost<T>(task: (host: Host) => Promise<T>): Promise<T | undefined>;
  /** Works until the bus is empty and nobody is at work; scheduled messages are not waited for. */
  idle(withinMs: number): Promise<boolean>;
  /** Starts a sweep and works until all is quiet, also what is scheduled; at most `withinMs`. */
  settle(withinMs: number): Promise<boolean>;
  /** What is not idle, for a verdict. */
  atWork(): Promise<string>;
  /** Errors that nobody may throw. */
  readonly bugs: readonly string[];
  /** Starts the minute timer and the hosts. */
  start(): void;
  stopTimer(): void;
}

const epochIso = "2026-03-01T00:00:00.000Z";
const minuteMs = 60_000;
const lockMs = 60_000;
const paceOf = (lanes: number): LoadPace => ({ pageSize: 7, maxDepth: 60, lanes, pollMs: 500, followMs: 30_000 });
const sweepBudgetMs = 10 * minuteMs;
const pullBudgetMs = 50_000;

/** Makes the system of a seed; nothing runs yet. */
export async function makeWorld(options: WorldOptions): Promise<World> {
  const chance = makeChance(options.seed);
  const scheduler = makeScheduler(epochIso);
  const startedAt = scheduler.now();
  const trace = makeTrace(scheduler.now, startedAt);
  const temper = drawTemper(chance.fork(), options.without);
  const parts: LifeParts = { scheduler, temper, chance: chance.fork(), trace };
  const bugs: string[] = [];

  const ofPeer = (): number => Math.round(drawSkew(chance) / (options.optOuts ? 120_000 / (skewMs / 2) : 1));
  const campaign = makeCampaignCore(simWorldOn(scheduler, chance, ofPeer()), {
    configuration: campaignInstance,
  });
  const dynamics = makeDataverseCore(
    simWorldOn(scheduler, chance, ofPeer(), (_url, _headers, body) => post(body)),
    {
      switches: {
        deltaTokenAt: chance.pick(["first", "last"]),
        pageOrder: chance.pick(["id", "version"]),
        ...(chance.happens(temper.rates.noticeTruncated) && { webhookMaxBytes: 2_500 }),
      },
    },
    journalOf(await registeredOrganisation(startedAt)),
  );
  const log = makeCampaignLog({
    now: scheduler.now,
    trace,
    core: () => campaign,
    settingsVersion: async () => Number((await memory.table("settings").get("in-force", "main"))?.values.version ?? 1),
  });
  const choices = options.optOuts
    ? makeChoices({
        now: scheduler.now,
        trace,
        direction: options.optOuts,
        inner: log,
        campaign: () => campaign,
        dynamics: () => dynamics,
      })
    : undefined;
  const memory = makeMemoryEntityTables();
  await memory.ensure(stateTables);
  const watched = {
    ...memory,
    table: (name: string) => (name === "syncstate" ? log.watch(memory.table(name)) : memory.table(name)),
  };
  const lanes = chance.pick([1, 2, 4, 8]);
  const queue = makeMemoryChangeQueue({ lanes, clock: scheduler.clock });

  const editions: Edition[] = ["first"];
  const transport = makeTransport({
    ...parts,
    chance: chance.fork(),
    cores: { [peerHosts.campaign]: campaign, [peerHosts.dynamics]: dynamics },
    log: choices ? { ...log, record: choices.record, leaves: choices.leaves } : log,
    lateMs: campaignBudgetMs * 0.45,
  });
  const documents = (next: Edition): readonly MappingDocument[] =>
    documentsOf(next, options.tables).map((one) => (options.optOuts ? withOptOuts(one, options.optOuts) : one));
  const shipped = shippedVersion(1, documents("first"));
  const deployment: Deployment = { tables: watched, queue, transport, shipped };

  const control = makeControlStore(memory.table("workflows"), scheduler.clock, parkAfter);
  const ways = chance.fork();
  let sweeping = 0;
  let timer = true;
  let planned = 0;
  const dead = new Set<string>();

  const begin = (life: Life): Host => {
    const host = startHost(life, parts, deployment);
    return options.sabotage ? { ...host, ports: options.sabotage(host.ports) } : host;
  };
  const crew = makeCrew(parts, ways, begin, log.died);
  const { some: someHost, work } = crew;

  const post = async (body: string): Promise<number> => {
    const times = temper.strikes("noticeDoubled") ? 2 : 1;
    if (temper.strikes("noticeDropped")) {
      trace.add("dynamics", "a notice gets lost");
      return 200;
    }
    let status = 0;
    for (let time = 0; time < times; time += 1) {
      if (temper.strikes("noticeLate")) await scheduler.pause(ways.skewed(200, 150_000));
      const host = someHost();
      status = host ? ((await work(host, () => host.takeNotice(body)).catch(blame)) ?? 0) : 0;
    }
    return status;
  };
  const blame = (error: unknown): undefined => {
    bugs.push(error instanceof Error ? `${error.stack}` : String(error));
    return undefined;
  };

  const give = (delivery: Delivery, host: Host): void => {
    const lose = (ms: number, why: string): void =>
      scheduler.after(ms, () => {
        if (!queue.readyLanes().includes(delivery.lane) && isHeld(delivery)) {
          trace.add("bus", `${delivery.lane} is free again: ${why}`, idOf(delivery));
          queue.abandon(delivery);
        }
      });
    held.add(delivery);
    if (temper.strikes("lockLost")) lose(ways.skewed(1, 30_000), `lost by ${host.life.name}`);
    host.life.onDeath(() => lose(ways.between(0, lockMs), `${host.life.name} died`));
    scheduler.after(lockMs * 5, () => lose(0, "its renewal ended"));
    const task = async (): Promise<void> => {
      await host.life.step("message");
      try {
        for (const { force, table, id } of parseMessage(delivery.body)) if (force) log.forced(table, id);
        await handleMessage(host.ports, delivery.body, ({ envelope: { table, kind, cause, id }, result }) => {
          const error = "error" in result && result.error instanceof Error ? result.error : undefined;
          if (error && isUnexpected(error)) blame(error);
          const said = error ? ` (${error.message})` : "";
          trace.add(host.life.name, `${table} ${kind}, ${cause}: ${result.outcome}${said}`, id);
        });
      } catch (error) {
        await host.life.step("abandon");
        if (isUnexpected(error)) blame(error);
        trace.add(host.life.name, `gives back: ${error instanceof Error ? error.message : ""}`, idOf(delivery));
        held.delete(delivery);
        queue.abandon(delivery);
        return;
      }
      await host.life.step("complete");
      if (temper.strikes("completionLost")) return lose(ways.between(0, lockMs), "its completion was lost");
      held.delete(delivery);
      queue.complete(delivery);
    };
    void work(host, task).catch(blame);
  };
  const held = new Set<Delivery>();
  const isHeld = (delivery: Delivery): boolean => held.delete(delivery);

  const collectDead = (): boolean => {
    let started = false;
    for (const letter of queue.deadLetters()) {
      if (dead.has(letter.messageId)) continue;
      const host = someHost();
      if (!host) return started;
      started = true;
      dead.add(letter.messageId);
      const task = async (): Promise<void> => {
        await collectDeadLetter(host.ports, {
          body: letter.body,
          messageId: letter.messageId,
          reason: "MaxDeliveryCountExceeded",
          enqueuedAt: new Date(scheduler.now()).toISOString(),
        });
        trace.add(host.life.name, "dead letter collected", idOf(letter));
      };
      void work(host, task).then(
        () => host.life.alive || dead.delete(letter.messageId),
        () => dead.delete(letter.messageId),
      );
    }
    return started;
  };

  const pump = (): boolean => {
    let started = false;
    for (const lane of queue.readyLanes()) {
      const host = someHost();
      const delivery = host && queue.receive(lane);
      if (!host || !delivery) continue;
      give(delivery, host);
      started = true;
    }
    const due = queue.nextDueAt();
    if (due !== undefined && due !== planned) {
      planned = due;
      scheduler.at(due, () => {});
    }
    return collectDead() || started;
  };
  scheduler.onTurn(pump);

  const edition = (): Edition => editions.at(-1) ?? "first";
  const publish = async (): Promise<void> => {
    const next = edition() === "first" ? "second" : "first";
    const texts = documents(next).map((document) => ({
      table: document.table.name,
      text: JSON.stringify(document),
    }));
    const stored = makeSettingsVersions(memory.table("settings"), shipped);
    const before = (await stored.inForce()).version;
    for (;;) {
      const host = someHost();
      const task = async ({ versions, ports }: Host): Promise<void> => {
        const from = await versions.inForce();
        if (from.version === before) {
          const publishedAt = new Date(scheduler.now()).toISOString();
          const replays = [...options.tables];
          await versions.publish(
            { documents: texts, language: 1033, publishedAt, by: "operator", note: "", replays },
            from,
          );
        }
        await finishPublication({
          versions,
          checkpoints: ports.checkpoints,
          clock: host?.life.clock ?? scheduler.clock,
        });
      };
      // Killed or failed, the next sweep finishes it; a publication that has not taken effect is tried again.
      if (host) await work(host, () => task(host)).catch(() => undefined);
      const { version } = await stored.inForce();
      if (version > before) {
        editions.length = version;
        editions[version - 1] = next;
        trace.add("operator", `published version ${version}, the ${next} edition`);
        return;
      }
      await scheduler.pause(1_000);
    }
  };

  /** Did the sweep that was started last come to its end? */
  let hasSwept = false;
  const runSweep = (): void => {
    hasSwept = false;
    const host = someHost();
    if (!host) return;
    sweeping += 1;
    const task = async (): Promise<void> => {
      await host.life.step("sweep");
      await finishPublication({ versions: host.versions, checkpoints: host.ports.checkpoints, clock: host.life.clock });
      const { changes, loaded } = await sweep(host.ports, paceOf(lanes), scheduler.now() + sweepBudgetMs);
      hasSwept = true;
      if (changes + loaded > 0) trace.add(host.life.name, `sweeps: ${changes} changes, ${loaded} loaded`);
    };
    const end = (): void => {
      sweeping -= 1;
    };
    void work(host, task)
      .catch((error: unknown) => {
        if (isUnexpected(error)) blame(error);
        trace.add(host.life.name, `sweep fails: ${error instanceof Error ? error.message : ""}`);
      })
      .then(end);
  };
  const tick = (): void => {
    if (!timer) return;
    // The timer's lease sees to one sweep at a time; after a failover there may be two for a while.
    if (sweeping === 0 || (!temper.isOver && ways.happens(0.1))) runSweep();
    if (choices) void pull().catch(() => undefined);
    scheduler.after(minuteMs, tick);
  };
  const pull = async (): Promise<number | undefined> => {
    const host = someHost();
    const task = async ({ life, pull }: Host): Promise<number | undefined> => {
      await life.step("pull");
      const { rung, upToDate, isOff } = await pullOptOuts(pull, optOutPace, scheduler.now() + pullBudgetMs);
      if (rung > 0) trace.add(life.name, `pulls opt-outs, and rings for ${rung}`);
      return upToDate || isOff ? rung : undefined;
    };
    return (
      host &&
      work(host, () => task(host)).catch((error: unknown) => {
        if (isUnexpected(error)) blame(error);
        trace.add(host.life.name, `pull fails: ${error instanceof Error ? error.message : ""}`);
        return undefined;
      })
    );
  };

  const isIdle = (): boolean =>
    crew.working === 0 &&
    queue.readyLanes().length === 0 &&
    held.size === 0 &&
    crew.all.every(({ life }) => life.alive);
  const idle = async (withinMs: number): Promise<boolean> => {
    const until = scheduler.now() + withinMs;
    pump();
    await scheduler.runUntil(until, isIdle);
    return isIdle();
  };

  return {
    options,
    scheduler,
    chance,
    temper,
    trace,
    dynamics,
    campaign,
    log,
    queue,
    failures: makeFailureStore(memory.table("failures"), scheduler.clock),
    choices,
    pull,
    edition,
    publish,
    async inSomeHost(task) {
      const host = someHost();
      return host && work(host, () => task(host));
    },
    idle,
    async settle(withinMs) {
      const until = scheduler.now() + withinMs;
      for (;;) {
        await idle(minuteMs);
        runSweep();
        const quietNow = await idle(Math.max(0, until - scheduler.now()));
        const due = queue.nextDueAt();
        if (quietNow && due === undefined && hasSwept) return true;
        if (scheduler.now() >= until) return false;
        // A sweep that failed is followed by the next one a minute later.
        if (quietNow) await scheduler.runUntil(Math.min(until, due ?? scheduler.now() + minuteMs));
      }
    },
    atWork: async () => {
      const living = crew.all
        .map(({ life }) => `${life.name} ${life.alive ? "took" : "was dead after"} ${life.recent.join(", ")}`)
        .join("; ");
      const { parked } = await control.read();
      const aside = [...parked].map(
        ([table, { reason, code, message }]) => `${table} is parked: ${reason} ${code} ${message}`,
      );
      return `${aside.join(", ")} ${crew.working} tasks, ${sweeping} sweeps, ${held.size} messages in hand; ${living}`;
    },
    bugs,
    start() {
      crew.start(options.hosts);
      tick();
    },
    stopTimer() {
      timer = false;
    },
  };
}

function idOf({ body }: Delivery): string {
  try {
    return parseMessage(body)
      .map(({ id }) => id)
      .join(" ");
  } catch {
    return "";
  }
}
