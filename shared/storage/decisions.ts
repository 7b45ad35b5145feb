// Decisions on opt-outs, for the auditor (design.md §5, §7), behind the port DecisionLog. Ids, values, times and names of rules only. What a decision says in
// words is optout/explain.ts.

import { ConflictError, MalformedError } from "../errors.js";
import { mapLimit } from "../flows/map-limit.js";
import type { DecisionLog, OptOutDecision } from "../flows/optout-ports.js";
import type { Clock } from "../model/clock.js";
import { parseRecordId, type RecordId } from "../model/ids.js";
import { type OptOutAttribute, optOutAttributes, optOutDirections } from "../optout/attributes.js";
import { changeEntity, removeUnchanged } from "./change-entity.js";
import type { Entity, EntityTable } from "./entity-table.js";

/** Which decisions are meant; what is left out does not matter. `from` and `to` are days (`2026-03-01`, UTC), both included. */
export interface DecisionFilter {
  from?: string | undefined;
  to?: string | undefined;
  record?: RecordId | undefined;
  attribute?: OptOutAttribute | undefined;
  rule?: string | undefined;
  result?: OptOutDecision["result"] | undefined;
}

/** A place in the order in which decisions are listed. */
export type DecisionPlace = Pick<Entity, "partition" | "row">;

/** The log, and what an auditor reads of it. */
export interface DecisionStore extends DecisionLog {
  /** Decisions behind a place, newest first, each with its own place. */
  list(
    filter: DecisionFilter,
    after?: DecisionPlace,
  ): AsyncIterable<{ place: DecisionPlace; decision: OptOutDecision }>;
  /** Removes what was decided before the day of `before` (epoch ms), until `deadline`. Answers how many, and whether that was all. */
  purge(before: number, deadline: number): Promise<{ removed: number; done: boolean }>;
}

/** How a decision ended; see `OptOutDecision`. */
export const decisionResults = [
  "announced",
  "written",
  "left",
  "failed",
] as const satisfies readonly OptOutDecision["result"][];

/**
 * The log over an entity table. Keys fall with time, so that the newest decision is the first: partition = day, row = time and id. A second row, under
 * the id alone, says when a decision was first noted: noted again, it stays where it is.
 */
export function makeDecisionStore(entities: EntityTable, clock: Pick<Clock, "now">): DecisionStore {
  /** When the decision was first noted; undefined: that is now. */
  const notedAt = async ({ id, at }: OptOutDecision): Promise<string | undefined> => {
    try {
      await entities.insert(...idPlace(id), { at });
      return undefined;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      return String((await entities.get(...idPlace(id)))?.values.at ?? at);
    }
  };

  /** What this process noted last, so that what came of a decision costs one operation more, not four. */
  const noted = new Map<string, { at: string; etag: string }>();
  const keep = (id: string, at: string, etag: string): void => {
    noted.delete(id);
    noted.set(id, { at, etag });
    for (const [oldest] of noted) if (noted.size > mostNoted) noted.delete(oldest);
  };

  /** Answers whether it stood there as we left it, and is changed now. */
  const noteAgain = async (decision: OptOutDecision): Promise<boolean> => {
    const known = noted.get(decision.id);
    if (!known) return false;
    noted.delete(decision.id);
    const first = { ...decision, at: known.at };
    try {
      keep(first.id, first.at, await entities.replace(...placeOf(first), toValues(first), known.etag));
      return true;
    } catch (error) {
      if (error instanceof ConflictError) return false;
      throw error;
    }
  };

  const noteOne = async (decision: OptOutDecision): Promise<void> => {
    if (await noteAgain(decision)) return;
    const at = await notedAt(decision);
    const first = { ...decision, at: at ?? decision.at };
    if (at === undefined) keep(first.id, first.at, await entities.insert(...placeOf(first), toValues(first)));
    else await changeEntity(entities, placeOf(first), () => toValues(first));
  };

  const removeOne = async (entity: Entity): Promise<number> => {
    const index = await entities.get(...idPlace(idIn(entity)));
    if (index) await removeUnchanged(entities, index);
    return removeUnchanged(entities, entity);
  };

  return {
    async note(decisions) {
      await mapLimit(decisions, atOnce, noteOne);
    },
    async *list({ from, to, ...rest }, after) {
      const equals = Object.fromEntries(
        Object.entries(rest).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      );
      const start = after ?? (to === undefined ? undefined : { partition: partitionOf(to), row: "" });
      const last = from === undefined ? undefined : partitionOf(from);
      for await (const entity of entities.list(undefined, { prefix: days, equals, ...(start && { after: start }) })) {
        const { partition, row } = entity;
        if (last !== undefined && partition > last) return;
        yield { place: { partition, row }, decision: toDecision(entity) };
      }
    },
    async purge(before, deadline) {
      let removed = 0;
      const after = { partition: partitionOf(new Date(before).toISOString().slice(0, 10)), row: behindAllRows };
      for await (const entity of entities.list(undefined, { prefix: days, after })) {
        if (clock.now() >= deadline) return { removed, done: false };
        removed += await removeOne(entity);
      }
      return { removed, done: true };
    },
  };
}

/** One decision for each of the attributes. */
const atOnce = 8;
/** More than all lanes have in hand. */
const mostNoted = 500;
/** Partitions of decisions begin like this; those of the second rows do not. */
const days = "day-";
const behindAllRows = "~";
const latestMs = 9_999_999_999_999;

/** `day-79739698-2026-03-01`: falls from day to day, and can be read. */
function partitionOf(day: string): string {
  return `${days}${99_999_999 - Number(day.replaceAll("-", ""))}-${day}`;
}

function placeOf({ at, id }: OptOutDecision): [string, string] {
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) throw new MalformedError("a decision has a time that is none");
  return [partitionOf(new Date(ms).toISOString().slice(0, 10)), `${String(latestMs - ms).padStart(13, "0")}-${id}`];
}

function idPlace(id: string): [string, string] {
  return [`id-${id.slice(0, 2)}`, id];
}

function idIn({ row }: Entity): string {
  return row.slice(row.indexOf("-") + 1);
}

function toValues({ id: _id, dynamics, campaign, remembered, wrote, ...rest }: OptOutDecision): Entity["values"] {
  const all = {
    ...rest,
    dynamics: dynamics.value,
    dynamicsAt: dynamics.changedAt,
    dynamicsVersion: dynamics.version,
    campaign: campaign.value,
    campaignAt: campaign.changedAt,
    rememberedDynamics: remembered.dynamics,
    rememberedCampaign: remembered.campaign,
    wroteSide: wrote?.side,
    wroteValue: wrote?.value,
  };
  const present = Object.entries(all).filter((entry): entry is [string, string | boolean] => entry[1] !== undefined);
  return Object.fromEntries(present);
}

function toDecision(entity: Entity): OptOutDecision {
  const { values } = entity;
  const text = (name: string): string => String(values[name] ?? "");
  const maybe = <T>(name: string, value: T): { [member: string]: T } => (value === undefined ? {} : { [name]: value });
  const flag = (name: string): boolean | undefined => (typeof values[name] === "boolean" ? values[name] : undefined);
  const time = (name: string): string | undefined => (values[name] === undefined ? undefined : text(name));
  const oneOf = <T extends string>(known: readonly T[], name: string): T => {
    const found = known.find((one) => one === values[name]);
    if (found === undefined) throw new MalformedError(`a decision has an unknown ${name}`, { id: idIn(entity) });
    return found;
  };
  const side = values.wroteSide === undefined ? undefined : oneOf(["dynamics", "campaign"], "wroteSide");
  return {
    id: idIn(entity),
    at: text("at"),
    table: text("table"),
    record: parseRecordId(values.record),
    attribute: oneOf(optOutAttributes, "attribute"),
    column: text("column"),
    direction: oneOf(optOutDirections, "direction"),
    dynamics: {
      value: flag("dynamics") === true,
      ...maybe("changedAt", time("dynamicsAt")),
      ...maybe("version", time("dynamicsVersion")),
    },
    campaign: { ...maybe("value", flag("campaign")), ...maybe("changedAt", time("campaignAt")) },
    remembered: {
      ...maybe("dynamics", flag("rememberedDynamics")),
      ...maybe("campaign", flag("rememberedCampaign")),
    },
    rule: text("rule"),
    ...(side && { wrote: { side, value: flag("wroteValue") === true } }),
    result: oneOf(decisionResults, "result"),
    cause: text("cause"),
    correlationId: text("correlationId"),
    ...maybe("by", time("by")),
  };
}
