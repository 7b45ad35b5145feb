// A history of e-mail events with real processes: a seeded sequence of the acts of test/convergence/events over sockets, with kills, and what stands in both
// systems afterwards, for the same oracle.

import { type Editor, eventually } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { type EventType, eventTypes } from "../../shared/model/email-event.js";
import type { Chance } from "../convergence/chance.js";
import { type EventActs, makeEventActs } from "../convergence/events/acts.js";
import { type Evidence, timelineSets } from "../convergence/events/oracle.js";
import type { SmallSystem } from "./small-system.js";

/** App settings of such a system. */
export const realEventSettings: Readonly<Record<string, string>> = {
  EGRESS_TYPES: eventTypes.join(","),
  EGRESS_TASKS: "click",
  EGRESS_SCHEDULE: "*/1 * * * * *",
  CAMPAIGN_CALL_SECONDS: "2",
};

/** A history in the making. */
export interface RealEventHistory {
  readonly acts: EventActs;
  /** The acts, one after another, with kills between them. */
  play(): Promise<void>;
  /** What was done so far, one line each, with the time. */
  readonly lines: readonly string[];
  /** What stands there now of this history. */
  evidence(): Promise<Evidence>;
}

const count = 25;
const longestPauseMs = 300;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Makes the history of a seed. `hosts` are those that run; who is killed is followed by a new one. */
export function makeRealEventHistory(
  system: SmallSystem,
  hosts: LocalProcess[],
  chance: Chance,
  seed: number,
): RealEventHistory {
  const { observer, state, editor } = system;
  const prefix = String(seed).padStart(8, "0");
  const lines: string[] = [];
  const say = (what: string): void => void lines.push(`${new Date().toISOString().slice(11, 23)} ${what}`);
  const noted = async (): Promise<Map<string, { outcome: string }>> => {
    const entities = await state.everything();
    return new Map(
      entities.flatMap(({ row, values: { outcome } }) =>
        outcome === undefined ? [] : [[row, { outcome: String(outcome) }] as const],
      ),
    );
  };
  const acts = makeEventActs({
    chance,
    prefix,
    now: Date.now,
    campaignSkewMs: 0,
    say,
    campaign: (name, body) => observer.command("campaign", name, body),
    edit: editOf(editor),
    rows: (set) => observer.rows(set),
    // Users delete at rest only: what is noted then nobody has in hand.
    notedAt: async (id) => ((await noted()).has(id) ? 0 : undefined),
    longAgoMs: 0,
  });

  const killOne = async (): Promise<void> => {
    const place = chance.between(0, hosts.length - 1);
    say(`kill -9 of host ${place + 1}, and a new start`);
    await hosts[place]?.kill();
    hosts[place] = await system.startHost(`host-${place + 1}`);
  };
  const ways: readonly (() => Promise<void>)[] = [
    ...[acts.deliver, acts.deliver, acts.react, acts.react, acts.bounce, acts.bounce, acts.revise],
    ...[acts.strange, acts.merge, acts.bury, acts.retire, acts.bear, () => acts.later(4_000)],
  ];

  return {
    acts,
    lines,
    async play() {
      for (let born = 0; born < 8; born += 1) await acts.bear();
      const kills = new Set(Array.from({ length: chance.between(1, 2) }, () => chance.between(3, count)));
      const restarts: Promise<void>[] = [];
      for (let act = 0; act < count; act += 1) {
        await pause(chance.between(0, longestPauseMs));
        if (kills.has(act)) restarts.push(killOne());
        await chance.pick(ways)();
      }
      await Promise.all(restarts);
    },
    async evidence() {
      const all = await Promise.all(timelineSets.map(async (set) => [set, await observer.rows(set)] as const));
      const own = (row: Readonly<Record<string, unknown>>): boolean =>
        String(row.acs_mirrorpageurl ?? "").includes(`/${prefix}/`) || aboutOf(row).startsWith(prefix);
      const failures = new Map<string, string>();
      for await (const { id, message } of state.failures.list("open")) failures.set(id, message);
      const checkpoint = await state.checkpoints.read("egress", "events");
      return {
        timelines: Object.fromEntries(all.map(([set, rows]) => [set, rows.filter(own)])),
        checkpoints: checkpoint ? [checkpoint] : [],
        noted: await noted(),
        failures,
        types: new Set(eventTypes),
        tasks: new Set<EventType>(["click"]),
        dynamicsSkewMs: 0,
        sums: "unknown",
      };
    },
  };
}

function aboutOf({ _regardingobjectid_value, regardingobjectid }: Readonly<Record<string, unknown>>): string {
  return String(_regardingobjectid_value ?? regardingobjectid ?? "");
}

function editOf(editor: Editor) {
  return async (method: string, path: string, body?: unknown): Promise<void> =>
    void (await editor.send(method, path, body));
}

/** Where the pull stands. */
export type Standing = Readonly<Record<string, string | number | boolean>>;

/** Where it stands now. */
export async function standingOf({ state }: Pick<SmallSystem, "state">): Promise<Standing> {
  return eventually("a checkpoint", async () => (await state.checkpoints.read("egress", "events"))?.values);
}

/** Puts the pull back to where it stood, but for the moments at which types were switched on, and waits until it has come here again. */
export async function turnBack({ state }: Pick<SmallSystem, "state">, before: Standing): Promise<void> {
  const put = async (): Promise<number | undefined> => {
    const now = await state.checkpoints.read("egress", "events");
    const since = Object.entries(now?.values ?? {}).filter(([name]) => name.startsWith("on_"));
    // A host may be faster.
    return state.checkpoints
      .save("egress", "events", { ...before, ...Object.fromEntries(since) }, now?.etag)
      .then(() => Date.now())
      .catch(() => undefined);
  };
  const at = await eventually("the earlier checkpoint", put);
  await eventually("the pull to come here again", async () => {
    const values = (await state.checkpoints.read("egress", "events"))?.values;
    return (values?.behind === false && Date.parse(String(values.caughtUpAt)) > at) || undefined;
  });
}
