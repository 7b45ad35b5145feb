// The registered steps as the pipeline uses them, read from the registration tables whenever those change.
import type { Table } from "../model/table.js";
import type { Database } from "../store/database.js";
import { type Row, readValue } from "../store/row-store.js";
import type { Road } from "./delivery-faults.js";
import { isBusEndpoint } from "./send-to-bus.js";

/** An image of a step; without columns it carries all of them. */
export interface StepImage {
  alias: string;
  pre: boolean;
  post: boolean;
  property: string;
  columns: string[] | undefined;
}

/** An enabled step. */
export interface Step {
  id: string;
  name: string;
  stage: number;
  async: boolean;
  rank: number;
  endpointId: string;
  road: Road;
  filter: ReadonlySet<string> | undefined;
  autoDelete: boolean;
  canBeBypassed: boolean;
  impersonate: string | undefined;
  images: StepImage[];
}

const idOf = (row: Row, name: string): string | undefined => {
  const value = row[name];
  return typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
};

const list = (value: unknown): string[] | undefined =>
  typeof value === "string" && value.trim() !== ""
    ? value.split(",").map((name) => name.trim().toLowerCase())
    : undefined;

const TABLES = ["sdkmessageprocessingstep", "sdkmessageprocessingstepimage", "serviceendpoint", "sdkmessagefilter"];

/** Answers the enabled steps for a message on a table, by rank. */
export function makeStepIndex(database: Database): (message: string, table: string) => readonly Step[] {
  let seen = "";
  let index = new Map<string, Step[]>();

  const toStep = (table: Table, row: Row, endpointId: string, images: StepImage[]): Step => {
    const columns = list(row.filteringattributes);
    return {
      id: String(row[table.primaryId]),
      name: String(row.name ?? ""),
      stage: Number(row.stage),
      async: row.mode === 1,
      rank: Number(row.rank ?? 1),
      endpointId,
      road: isBusEndpoint(database.rows("serviceendpoint").get(endpointId)) ? "bus" : "webhook",
      filter: columns && new Set(columns),
      autoDelete: readValue(table, row, "asyncautodelete") === true,
      canBeBypassed: readValue(table, row, "canbebypassed") === true,
      impersonate: idOf(row, "impersonatinguserid"),
      images,
    };
  };

  const imagesByStep = (): Map<string, StepImage[]> => {
    const byStep = new Map<string, StepImage[]>();
    for (const row of database.rows("sdkmessageprocessingstepimage").all()) {
      const stepId = idOf(row, "sdkmessageprocessingstepid");
      if (stepId === undefined) continue;
      const type = Number(row.imagetype);
      const image: StepImage = {
        alias: String(row.entityalias),
        pre: type !== 1,
        post: type !== 0,
        property: String(row.messagepropertyname),
        columns: list(row.attributes),
      };
      byStep.set(stepId, [...(byStep.get(stepId) ?? []), image]);
    }
    return byStep;
  };

  const build = (): Map<string, Step[]> => {
    const byEvent = new Map<string, Step[]>();
    const table = database.table("sdkmessageprocessingstep");
    if (!table) return byEvent;
    const images = imagesByStep();
    for (const row of database.rows(table.name).all()) {
      const endpointId = idOf(row, "eventhandler");
      const messageId = idOf(row, "sdkmessageid");
      const message = messageId && database.rows("sdkmessage").get(messageId)?.name;
      if (endpointId === undefined || message === undefined || readValue(table, row, "statecode") !== 0) continue;
      const filterId = idOf(row, "sdkmessagefilterid");
      const on = filterId === undefined ? "*" : database.rows("sdkmessagefilter").get(filterId)?.primaryobjecttypecode;
      const key = `${String(message)} ${String(on)}`;
      const step = toStep(table, row, endpointId, images.get(String(row[table.primaryId])) ?? []);
      byEvent.set(
        key,
        [...(byEvent.get(key) ?? []), step].sort((a, b) => a.rank - b.rank),
      );
    }
    return byEvent;
  };

  return (message, table) => {
    const now = TABLES.map((name) => database.changesOf(name)).join();
    if (now !== seen) {
      index = build();
      seen = now;
    }
    const own = index.get(`${message} ${table}`);
    const all = index.get(`${message} *`);
    return own && all ? [...own, ...all].sort((a, b) => a.rank - b.rank) : (own ?? all ?? []);
  };
}
