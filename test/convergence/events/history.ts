// What happens in one process while the faults last: acts of people (acts.ts), rows that come late, what operators switch, and a week that passes.

import { eventTypes } from "../../../shared/model/email-event.js";
import { makeEditor } from "../editor.js";
import { makeEventActs } from "./acts.js";
import { rowsIn } from "./oracle.js";
import type { Tale } from "./told.js";
import type { EventWorld } from "./world.js";

/** A history in the making. */
export interface EventHistory {
  readonly tale: Tale;
  /** Contacts that exist before the app is installed. */
  prepare(): Promise<void>;
  /** The acts, one after another; a week passes between the last but few. */
  play(): Promise<void>;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const acts = 45;
const actsAfterTheWeek = 10;

/** Makes the history of a world. */
export function makeEventHistory(world: EventWorld): EventHistory {
  const { scheduler, trace, campaign, dynamics } = world;
  const chance = world.chance.fork();
  let act = 0;
  const say = (what: string, id?: string): void => trace.add("people", `#${act} ${what}`, id);
  const command = async (name: string, body: unknown): Promise<unknown> => {
    if (!campaign.command) throw new Error("the simulator takes no commands");
    return campaign.command(name, body);
  };
  const people = makeEventActs({
    chance,
    prefix: "00000000",
    now: scheduler.now,
    campaignSkewMs: world.campaignSkewMs,
    say,
    campaign: command,
    edit: makeEditor(dynamics, scheduler.now),
    rows: async (set) => rowsIn(dynamics, set),
    notedAt: async (id) => world.records.noted.get(id)?.at,
    longAgoMs: 30 * minuteMs,
  });
  const flip = (isOn: boolean): void => {
    const fits = eventTypes.filter((type) => world.types.has(type) !== isOn);
    if (fits.length === 0) return;
    const type = chance.pick(fits);
    if (isOn) world.types.add(type);
    else world.types.delete(type);
    say(`${type} is switched ${isOn ? "on" : "off"}`);
  };
  const rest = async (): Promise<void> => {
    const ms = chance.skewed(10 * minuteMs, 5 * hourMs);
    say(`the app is away for ${Math.round(ms / minuteMs)} minutes`);
    world.everyMs(0);
    const pieces = chance.between(1, 8);
    for (let piece = 0; piece < pieces; piece += 1) {
      await scheduler.pause(ms / pieces);
      if (chance.happens(0.7)) await people.deliver();
    }
    world.everyMs(minuteMs);
    if (world.temper.rates.kill === 0 || chance.happens(0.4)) return;
    await scheduler.pause(chance.skewed(20, 3_000));
    world.killAll("while it catches up");
  };
  /** The wide look back covers it, whatever the moment of the run (pull-events.ts). */
  const backdate = (): Promise<void> =>
    world.backdated(chance.skewed(10_000, 12 * minuteMs), () =>
      chance.happens(0.3) ? people.deliver() : people.react(),
    );

  const ways: readonly [weight: number, way: () => unknown][] = [
    [16, people.deliver],
    [14, people.react],
    [12, people.bounce],
    [6, people.strange],
    [9, backdate],
    [4, () => people.later(20 * minuteMs)],
    [9, people.revise],
    [5, people.merge],
    [4, people.bury],
    [2, people.retire],
    [4, people.bear],
    [7, people.tidyUp],
    [4, () => flip(true)],
    [1, () => flip(false)],
    [2, () => command("revoke-tokens", {})],
    [2, rest],
  ];
  const whole = ways.reduce((sum, [weight]) => sum + weight, 0);
  const something = async (): Promise<void> => {
    act += 1;
    let dice = chance.draw() * whole;
    for (const [weight, way] of ways) {
      dice -= weight;
      if (dice >= 0) continue;
      await way();
      return;
    }
  };
  const several = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 1) {
      await scheduler.pause(chance.skewed(100, 8 * minuteMs));
      await something();
    }
  };

  return {
    tale: people.tale,
    async prepare() {
      for (let count = chance.between(4, 12); count > 0; count -= 1) await people.bear();
      for (const type of eventTypes) if (chance.happens(0.75)) world.types.add(type);
      const moving = chance.happens(0.5) ? 0.05 : 0;
      world.wire.onList = () => {
        if (chance.happens(moving) && !world.temper.isOver) void people.revise();
      };
    },
    async play() {
      await several(acts);
      if (chance.happens(0.5)) {
        say("a week passes");
        world.everyMs(12 * hourMs);
        await scheduler.pause(7 * dayMs);
        world.everyMs(minuteMs);
        for (let count = 0; count < 3; count += 1) await people.bounce();
      }
      await several(actsAfterTheWeek);
    },
  };
}
