// The rows of Campaign's e-mail events that have been dealt with (design.md §4), so that nothing comes twice, what a user deleted in Dynamics stays deleted,
// and every row is counted once. Ids, hashes and outcomes only; kept longer than Campaign keeps its logs.

import { createHash } from "node:crypto";
import { ConflictError } from "../errors.js";
import type { EventLedger, EventOutcome, KnownEvent } from "../flows/egress-ports.js";
import { mapLimit } from "../flows/map-limit.js";
import type { Clock } from "../model/clock.js";
import { activityIdOf, type EmailEvent } from "../model/email-event.js";
import type { Entity, EntityTable } from "./entity-table.js";

/** The ledger, and clearing away what is old. */
export interface EventLedgerStore extends EventLedger {
  /**
   * Removes what is older than `before` (epoch ms): events by their day; other rows, which are noted without one, in turns of about a month. Stops at
   * `deadline` (epoch ms), and `done` is false then. Answers how many are gone.
   */
  purge(before: number, deadline: number): Promise<{ removed: number; done: boolean }>;
}

const atOnce = 16;
/** Other rows stand in 256 partitions, of which so many are looked through a day. */
const othersADay = 8;
const dayMs = 24 * 3_600_000;
const outcomes: readonly EventOutcome[] = ["written", "no-contact", "refused"];

/** The ledger over an entity table: partition = day of the event, row = id of its activity; for what brings no activity, both are a hash. */
export function makeEventLedger(entities: EntityTable, clock: Pick<Clock, "now">): EventLedgerStore {
  const placeOf = (event: EmailEvent): [string, string] => [event.at.slice(0, 10), activityIdOf(event)];
  return {
    async known(events) {
      const found = await mapLimit(events, atOnce, async (event) => {
        const entity = await entities.get(...placeOf(event));
        const known = entity && toKnown(entity.values);
        return known && ([activityIdOf(event), known] as const);
      });
      return new Map(found.filter((one) => one !== undefined));
    },
    async note(noted, page) {
      await mapLimit(noted, atOnce, async ({ event, outcome }) => {
        const place = placeOf(event);
        const isRefused = outcome === "refused";
        const values = {
          outcome,
          ...(isRefused && { changedAt: event.changedAt }),
          ...(page !== undefined && { page }),
        };
        try {
          await entities.insert(...place, values);
        } catch (error) {
          if (!(error instanceof ConflictError)) throw error;
          const current = await entities.get(...place);
          // A refusal may become something else, or a later one; nothing else ever changes. Where it was counted stays.
          if (current?.values.outcome !== "refused") return;
          const { page: counted } = current.values;
          if (isRefused && String(current.values.changedAt ?? "") >= event.changedAt) return;
          await entities.replace(
            ...place,
            { ...values, ...(counted !== undefined && { page: counted }) },
            current.etag,
          );
        }
      });
    },
    async noteOthers(rows, page) {
      const keys = [...new Set(rows.map(({ key }) => key))];
      const own = await mapLimit(keys, atOnce, async (key) => {
        const hash = createHash("sha256").update(key).digest("hex").slice(0, 32);
        const place = [`other-${hash.slice(0, 2)}`, hash] as const;
        const known = await entities.get(...place);
        if (known) return known.values.page === page ? [key] : [];
        const at = new Date(clock.now()).toISOString();
        await entities.insert(...place, { page, at }).catch(onlyIfThere);
        return [key];
      });
      return new Set(own.flat());
    },
    async purge(before, deadline) {
      const [now, at] = [clock.now(), new Date(before).toISOString()];
      const turn = (Math.floor(now / dayMs) * othersADay) % 256;
      const shards = Array.from({ length: othersADay }, (_, index) => (turn + index).toString(16).padStart(2, "0"));
      const old = async function* (): AsyncIterable<Entity> {
        for await (const entity of entities.list(undefined, { prefix: "2" })) {
          if (entity.partition >= at.slice(0, 10)) break;
          yield entity;
        }
        for (const shard of shards) {
          // Those that were noted without a time count as noted now.
          for await (const entity of entities.list(`other-${shard}`)) {
            if (String(entity.values.at ?? "9") < at) yield entity;
          }
        }
      };
      let removed = 0;
      for await (const some of inGroups(old(), atOnce)) {
        if (clock.now() >= deadline) return { removed, done: false };
        await mapLimit(some, atOnce, ({ partition, row, etag }) =>
          entities.remove(partition, row, etag).catch(onlyIfThere),
        );
        removed += some.length;
      }
      return { removed, done: true };
    },
  };
}

async function* inGroups<T>(all: AsyncIterable<T>, size: number): AsyncIterable<T[]> {
  let group: T[] = [];
  for await (const one of all) {
    group.push(one);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function toKnown({ outcome: said, page, changedAt }: Entity["values"]): KnownEvent | undefined {
  const outcome = outcomes.find((one) => one === said);
  if (outcome === undefined) return undefined;
  return {
    outcome,
    ...(page !== undefined && { page: Number(page) }),
    ...(changedAt !== undefined && { changedAt: String(changedAt) }),
  };
}

/** Another run works on the same page; whichever of them saves its checkpoint has counted. */
function onlyIfThere(error: unknown): void {
  if (!(error instanceof ConflictError)) throw error;
}
