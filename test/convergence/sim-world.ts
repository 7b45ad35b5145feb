import type { SimWorld } from "../../infra/local/sim/types.js";
import type { Chance } from "./chance.js";
import type { Scheduler } from "./scheduler.js";

/** A world for a simulator's core on virtual time, with a chance of its own; its clock goes wrong by `skewMs`. */
export function simWorldOn(
  scheduler: Scheduler,
  chance: Chance,
  skewMs: number,
  post: SimWorld["post"] = async () => 0,
): SimWorld {
  const own = chance.fork();
  return {
    now: () => scheduler.now() + skewMs,
    random: own.draw,
    later: (ms, run) => scheduler.after(ms, run),
    post,
  };
}

/** By how much a peer's clock goes wrong, in ms: every second one does not. */
export function drawSkew(chance: Chance): number {
  return chance.happens(0.5) ? 0 : chance.between(-120_000, 120_000);
}
