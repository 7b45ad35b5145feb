// statecode and statuscode: they move together, and activities that are closed stay as they are; facts/dataverse.md §10, §14.
import { ODataError } from "../errors.js";
import type { Table } from "../model/table.js";
import { type Row, readValue } from "../store/row-store.js";
import type { Values } from "./parse-payload.js";

const badPair = (table: Table, status: unknown, stateLabel: string, id: string): ODataError =>
  new ODataError(
    400,
    "0x80048408",
    `${String(status)} is not a valid status code for state code ${table.schemaName}State.${stateLabel} on ${table.name} with Id ${id}.`,
  );

/** Completes and checks the pair. `before` is undefined for a new row, whose state is its default. Throws 400 for a mismatch. */
export function settleStates(table: Table, id: string, values: Values, before: Row | undefined): void {
  const states = table.column("statecode")?.choices;
  const statuses = table.column("statuscode")?.choices;
  if (!states || !statuses) return;
  const currentState = before ? readValue(table, before, "statecode") : (states[0]?.value ?? 0);
  if (!values.has("statecode") && !values.has("statuscode")) return;
  const state = states.find(({ value }) => value === (values.get("statecode") ?? currentState));
  if (!state) throw badPair(table, values.get("statuscode"), String(values.get("statecode")), id);
  const wanted = values.get("statuscode") ?? (values.has("statecode") && state.value !== currentState ? -1 : undefined);
  if (wanted === undefined) return;
  if (wanted === -1 || wanted === null) {
    values.set("statuscode", state.defaultStatus ?? -1);
    return;
  }
  if (statuses.find(({ value }) => value === wanted)?.state !== state.value)
    throw badPair(table, wanted, state.label, id);
}

/** Completed and canceled activities are read-only, unless the same request opens them again. */
export function checkStillOpen(table: Table, values: Values, before: Row): void {
  if (!table.activity) return;
  const state = readValue(table, before, "statecode");
  if (state !== 1 && state !== 2) return;
  if (values.get("statecode") === 0 || values.get("statecode") === 3) return;
  throw new ODataError(400, "0x80040203", `The ${table.name} is completed or canceled and cannot be changed.`);
}
