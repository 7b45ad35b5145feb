import type { Chance } from "./chance.js";
import { type Life, type LifeParts, startLife } from "./process.js";

/** Hosts that work side by side; whoever dies is followed by a new one a while later. */
export interface Crew<Host extends { life: Life }> {
  readonly all: readonly Host[];
  /** How many tasks are under way. */
  readonly working: number;
  start(count: number): void;
  /** One that lives; undefined: none does. */
  some(): Host | undefined;
  /** Counts as work until it is done or its host has died; then the answer is undefined. */
  work<T>(host: Host, task: () => Promise<T>): Promise<T | undefined>;
}

/** Makes an empty crew. `begin` builds the host of a life. */
export function makeCrew<Host extends { life: Life }>(
  parts: LifeParts,
  ways: Chance,
  begin: (life: Life) => Host,
  onDeath: (name: string) => void,
): Crew<Host> {
  const { scheduler, trace } = parts;
  const hosts: Host[] = [];
  let lives = 0;
  let working = 0;

  const boot = (place: number): void => {
    lives += 1;
    const life = startLife(`host-${place}.${lives}`, parts);
    hosts[place] = begin(life);
    trace.add(life.name, "starts");
    life.onDeath(() => onDeath(life.name));
    life.onDeath(() => scheduler.after(ways.skewed(500, 40_000), () => boot(place)));
  };

  return {
    all: hosts,
    get working() {
      return working;
    },
    start(count) {
      for (let place = 0; place < count; place += 1) boot(place);
    },
    some() {
      const living = hosts.filter(({ life }) => life.alive);
      return living.length === 0 ? undefined : ways.pick(living);
    },
    async work(host, task) {
      working += 1;
      let over = false;
      const end = (): void => {
        if (!over) working -= 1;
        over = true;
      };
      return new Promise((resolve, reject) => {
        host.life.onDeath(() => {
          end();
          resolve(undefined);
        });
        task().then(
          (value) => {
            end();
            resolve(value);
          },
          (error: unknown) => {
            end();
            reject(error);
          },
        );
      });
    },
  };
}
