// What an operator wants of each workflow, and which mappings are set aside: rows of table `workflows`, partition `workflow`, behind the
// port ControlSource. One read a second and process, whoever asks. What is done about it: flows/; how an operator says it: control/.

import { createHash } from "node:crypto";
import { ConflictError } from "../errors.js";
import type { ControlSource } from "../flows/ports.js";
import type { Clock } from "../model/clock.js";
import type { RecordId } from "../model/ids.js";
import { type WorkflowName, workflowNames } from "../model/workflow.js";
import { changeEntity } from "./change-entity.js";
import type { Entity, EntityTable } from "./entity-table.js";

/** Why a mapping is set aside, since when (ISO), and by whom: the `product` itself, or an operator. */
export interface Parking {
  reason: string;
  since: string;
  by: string;
  /** Parked by the product: what went wrong. */
  code?: string;
  message?: string;
  /** When it ends by itself (ISO); without, an operator has to end it. */
  until?: string;
}

/** What is wanted of a workflow now, with the facts behind it. Without `since` nobody has ever said anything: it runs. */
export interface Wanted {
  wanted: "running" | "stopped";
  /** Ingress only: is what is on the queue still worked off? */
  drain: boolean;
  since?: string;
  by?: string;
}

/** What is wanted of ingress, of every workflow, and of single tables. */
export interface ControlState extends Wanted {
  workflows: Readonly<Record<WorkflowName, Wanted>>;
  parked: ReadonlyMap<string, Parking>;
}

/**
 * The port, and what an operator does. Every act may be done twice; one that changes nothing leaves `since` and `by` as they were. All throw
 * UnavailableError when the table cannot be read or written, ConflictError when somebody else kept changing the same row.
 */
export interface ControlStore extends ControlSource {
  /** Read now, not from memory. */
  read(): Promise<ControlState>;
  /** Is the workflow to run? At most a second old. */
  isWanted(workflow: WorkflowName): Promise<boolean>;
  start(by: string, workflow?: WorkflowName): Promise<void>;
  /** `drain`: what is on the queue of ingress is still worked off; otherwise it is held. */
  stop(drain: boolean, by: string, workflow?: WorkflowName): Promise<void>;
  /** The queue is empty while stopped: what comes due later is held from now on. Nothing happens if it is not stopped, or not draining. */
  endDrain(): Promise<void>;
  /** Sets a mapping aside until `takeUp`. What is set aside already stays so for its first reason. */
  setAside(table: string, reason: string, by: string): Promise<void>;
  /** Takes a mapping up again, its errors forgotten. Answers whether it was set aside. */
  takeUp(table: string): Promise<boolean>;
}

/** How old what `current` answers may be, in ms. */
export const controlAgeMs = 1_000;

const partition = "workflow";
const parkedPrefix = "parked-";
const errorsPrefix = "errors-";
const longestMessage = 1_000;
const triesAfterConflict = 8;

interface Known {
  readAt: number;
  state: ControlState;
  /** Tables with counted errors. */
  failing: Set<string>;
}

/** Control over an entity table. `parkAfter`: this many equal errors in a row park a mapping; 0: they never do. */
export function makeControlStore(entities: EntityTable, clock: Pick<Clock, "now">, parkAfter: number): ControlStore {
  let known: Known | undefined;
  let reading: Promise<Known> | undefined;
  /** Tables whose errors this process has counted, which what it last read may not know. */
  const failedHere = new Set<string>();

  const readNow = async (): Promise<Known> => {
    // The age counts from before the read: what changes while it runs may be missing from it.
    const readAt = clock.now();
    const rows: Entity[] = [];
    for await (const row of entities.list(partition)) rows.push(row);
    return { readAt, ...toKnown(rows) };
  };
  const refreshed = (): Promise<Known> => {
    if (reading) return reading;
    const own = readNow()
      .then((found) => {
        if (reading === own) known = found;
        return found;
      })
      .finally(() => {
        if (reading === own) reading = undefined;
      });
    reading = own;
    return own;
  };
  const isFresh = (): boolean => known !== undefined && clock.now() - known.readAt < controlAgeMs;
  const change = makeChange(entities);
  const nowIso = (): string => new Date(clock.now()).toISOString();
  /** Our own act is seen by ourselves at once: what was read before it, or is being read, does not count. */
  const acted = (): void => {
    known = undefined;
    reading = undefined;
  };

  const putWanted = async (name: WorkflowName, wanted: Wanted["wanted"], drain: boolean, by: string): Promise<void> => {
    await change(name, (current) => {
      const before = toWanted(current?.values);
      const isSame = before.wanted === wanted && (wanted === "running" || before.drain === drain);
      return isSame && current ? undefined : { wanted, drain, since: nowIso(), by };
    });
    acted();
  };
  /** A parking that holds is left as it is, unless the new one, unlike it, does not end by itself. */
  const putParking = async (table: string, parking: Parking): Promise<void> => {
    await change(parkedPrefix + table, (current) => {
      const before = current && toParking(current.values);
      const isHeld = before !== undefined && holds(before, clock.now());
      return isHeld && (before.until === undefined || parking.until !== undefined) ? undefined : { ...parking };
    });
    acted();
  };
  const parkedNow = (state: ControlState): [string, Parking][] =>
    [...state.parked].filter(([, parking]) => holds(parking, clock.now()));
  const currentState = async (): Promise<ControlState> => (isFresh() && known ? known : await refreshed()).state;

  return {
    async current() {
      const state = await currentState();
      const { wanted, drain } = state;
      return {
        wanted,
        drain,
        parked: new Map(parkedNow(state).map(([table, { reason }]) => [table, reason])),
        ...(state.workflows.optout.wanted === "stopped" && { optOutsStopped: true }),
      };
    },
    async failed(table, id, code, message) {
      // Known to be parked: what was under way then says nothing new.
      if (parkAfter === 0 || (known && parkedNow(known.state).some(([parked]) => parked === table))) return;
      const count = await countError(change, table, id, code);
      failedHere.add(table);
      if (count < parkAfter) return;
      const reason = `${count} records in a row failed with ${code}`;
      const said = message.slice(0, longestMessage);
      await putParking(table, { reason, code, message: said, since: nowIso(), by: "product" });
    },
    async park(table, code, message, until) {
      const said = message.slice(0, longestMessage);
      const parking = { reason: said, code, message: said, since: nowIso(), by: "product" };
      await putParking(table, { ...parking, ...(until !== undefined && { until: new Date(until).toISOString() }) });
    },
    async succeeded(table) {
      if (!failedHere.has(table) && !known?.failing.has(table)) return;
      failedHere.delete(table);
      known?.failing.delete(table);
      await change(errorsPrefix + table, (current) =>
        Number(current?.values.count ?? 0) > 0 ? { code: "", ids: "", count: 0 } : undefined,
      );
    },
    async read() {
      known = await readNow();
      return { ...known.state, parked: new Map(parkedNow(known.state)) };
    },
    isWanted: async (workflow) => (await currentState()).workflows[workflow].wanted === "running",
    start: (by, workflow = "ingress") => putWanted(workflow, "running", true, by),
    stop: (drain, by, workflow = "ingress") => putWanted(workflow, "stopped", drain, by),
    async endDrain() {
      await change("ingress", (current) => {
        const before = toWanted(current?.values);
        const isDraining = before.wanted === "stopped" && before.drain;
        return isDraining
          ? { wanted: "stopped", drain: false, since: nowIso(), by: before.by ?? "product" }
          : undefined;
      });
      acted();
    },
    setAside: (table, reason, by) => putParking(table, { reason, since: nowIso(), by }),
    async takeUp(table) {
      // The count goes first: a mapping that runs with an old count would be parked again by its first error.
      await change(errorsPrefix + table, (current) =>
        Number(current?.values.count ?? 0) > 0 ? { code: "", ids: "", count: 0 } : undefined,
      );
      const row = await entities.get(partition, parkedPrefix + table);
      if (row) await entities.remove(partition, row.row, row.etag);
      acted();
      return row !== undefined && holds(toParking(row.values), clock.now());
    },
  };
}

type Change = (
  row: string,
  decide: (current: Entity | undefined) => Entity["values"] | undefined,
) => Promise<Entity["values"] | undefined>;

/** Compare and set, decided anew after each conflict. Answers what the row holds afterwards. */
function makeChange(entities: EntityTable): Change {
  return (row, decide) => changeEntity(entities, [partition, row], decide, triesAfterConflict);
}

/** One more error; the count starts anew with another code. Answers the count. */
/** Hashes of the ids that were counted, so that one record that fails again and again counts once. */
const markLength = 8;
const mostMarks = 500;

async function countError(change: Change, table: string, id: RecordId, code: string): Promise<number> {
  const mark = createHash("sha256").update(id).digest("hex").slice(0, markLength);
  try {
    const values = await change(errorsPrefix + table, (current) => {
      const isSame = current?.values.code === code;
      const marks = isSame && current.values.ids !== "" ? String(current.values.ids ?? "").split(" ") : [];
      if (marks.includes(mark)) return undefined;
      const ids = [...marks, mark].slice(-mostMarks).join(" ");
      return { code, ids, count: (isSame ? Number(current.values.count) : 0) + 1 };
    });
    return Number(values?.count ?? 0);
  } catch (error) {
    // So many lanes fail at once that this one never got its turn: the others count, and one error more or less decides nothing.
    if (error instanceof ConflictError) return 0;
    throw error;
  }
}

function toKnown(rows: readonly Entity[]): Omit<Known, "readAt"> {
  const parked = new Map<string, Parking>();
  const failing = new Set<string>();
  for (const { row, values } of rows) {
    if (row.startsWith(parkedPrefix)) parked.set(row.slice(parkedPrefix.length), toParking(values));
    if (row.startsWith(errorsPrefix) && Number(values.count) > 0) failing.add(row.slice(errorsPrefix.length));
  }
  const wantedOf = (name: string): Wanted => toWanted(rows.find(({ row }) => row === name)?.values);
  const workflows = Object.fromEntries(
    workflowNames.map((name) => [name, wantedOf(name)]),
  ) as ControlState["workflows"];
  return { state: { ...workflows.ingress, workflows, parked }, failing };
}

function toWanted(values: Entity["values"] | undefined): Wanted {
  if (values === undefined) return { wanted: "running", drain: true };
  const wanted = values.wanted === "stopped" ? "stopped" : "running";
  return { wanted, drain: values.drain !== false, since: String(values.since), by: String(values.by) };
}

function toParking({ reason, since, by, code, message, until }: Entity["values"]): Parking {
  return {
    reason: String(reason),
    since: String(since),
    by: String(by),
    ...(code !== undefined && { code: String(code) }),
    ...(message !== undefined && { message: String(message) }),
    ...(until !== undefined && { until: String(until) }),
  };
}

function holds({ until }: Parking, now: number): boolean {
  return until === undefined || Date.parse(until) > now;
}
