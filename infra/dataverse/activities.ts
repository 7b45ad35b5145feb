// Compares the activity tables in Dynamics with what e-mail events need (activities-desired.ts) and makes them so: publisher, solution, tables, columns.
// Safe to run twice and after being killed half-way: everything is found again by name, and our own solution notes whether it was published. Nothing is
// deleted but tables that are named.

import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { RefusedError, SyncError } from "../../shared/errors.js";
import type { Clock } from "../../shared/model/clock.js";
import type { EventType } from "../../shared/model/email-event.js";
import { type Action, about, change, list } from "./action.js";
import { columnBody, type DesiredColumn, type DesiredTable, desiredTables, tableBody } from "./activities-desired.js";
import { type FoundTable, findTable } from "./activities-found.js";
import { type FoundSolution, findSolution, madeByUs, withPublishing } from "./activities-publishing.js";
import type { Part } from "./part.js";

/**
 * Where and as what. `prefix` of the publisher: 2 to 8 characters; `solution`: unique name of an unmanaged solution. `foreign`: types whose tables are somebody
 * else's, and are left alone.
 */
export interface ActivitiesOptions {
  client: DataverseClient;
  clock: Clock;
  prefix: string;
  solution: string;
  foreign?: ReadonlySet<EventType>;
  /** Publishes even when nothing differs. */
  publish?: boolean;
}

const publisherSchema = z.object({ publisherid: z.string(), customizationprefix: z.string().nullish() });

/** Everything that differs, in the order to do it, as `activitiesPart` has it. */
export async function planActivities(options: ActivitiesOptions): Promise<Action[]> {
  return [...(await activitiesPart(options)).actions];
}

/**
 * What there must be, and what differs; last the publishing. Throws when the prefix is none, when the solution has another publisher, when a table or column of
 * a needed name is something else.
 */
export async function activitiesPart(options: ActivitiesOptions): Promise<Part> {
  if (!/^(?!mscrm)[a-z][a-z0-9]{1,7}$/.test(options.prefix)) {
    throw new Error("the prefix must be 2 to 8 lower case letters and digits, begin with a letter, and not with mscrm");
  }
  if (!/^[A-Za-z_]\w{0,64}$/.test(options.solution)) {
    throw new Error("the solution's unique name must be letters, digits and underscores");
  }
  const tables = desiredTables(options.prefix, options.foreign);
  const title = "activity tables of e-mail events";
  if (tables.length === 0) return { title, things: [], actions: [] };
  const { client, solution, prefix } = options;
  const found = await findSolution(client, solution);
  const ground = await planSolution(options, found);
  const definitions: Action[] = [];
  for (const table of tables) definitions.push(...(await planTable(options, table)));
  return {
    title,
    things: [`publisher ${prefix}`, `solution ${solution}`, ...tables.map(({ table }) => table.name)],
    actions: [...ground, ...withPublishing(options, tables, found, definitions)],
  };
}

/** The actions that take these tables away, with every row in them. Throws when a name is not one of ours. */
export async function planActivitiesRemoval(
  { client, prefix, foreign }: Pick<ActivitiesOptions, "client" | "prefix" | "foreign">,
  names: readonly string[],
): Promise<Action[]> {
  const ours = desiredTables(prefix, foreign).map(({ table }) => table.name);
  const stranger = names.find((name) => !ours.includes(name));
  if (stranger !== undefined) throw new Error(`${stranger} is none of our tables: ${ours.join(", ")}`);
  const actions: Action[] = [];
  for (const name of new Set(names)) {
    if (!(await findTable(client, name))) continue;
    const path = `EntityDefinitions(LogicalName='${name}')`;
    actions.push(change(client, `remove table ${name} and all its rows`, "DELETE", path));
  }
  return actions;
}

async function planSolution(
  { client, prefix, solution }: ActivitiesOptions,
  found: FoundSolution | undefined,
): Promise<Action[]> {
  const publisher = await findPublisher(client, prefix);
  if (found && found._publisherid_value !== publisher?.publisherid) {
    throw new Error(
      `solution ${solution} has a publisher without prefix ${prefix}: name another --solution or --prefix`,
    );
  }
  const actions: Action[] = [];
  if (!publisher) {
    const body = {
      uniquename: `campaign_sync_${prefix}`,
      friendlyname: `Campaign integration (${prefix})`,
      customizationprefix: prefix,
      customizationoptionvalueprefix: optionPrefix,
    };
    const what = `create publisher with prefix ${prefix}`;
    actions.push(about(`publisher ${prefix}`, change(client, what, "POST", "publishers", body)));
  }
  if (!found) {
    actions.push({
      what: `create solution ${solution}`,
      kind: "create",
      about: [`solution ${solution}`],
      run: async () => {
        const made = await findPublisher(client, prefix);
        if (!made) throw new Error(`there is no publisher with prefix ${prefix}`);
        const body = {
          uniquename: solution,
          friendlyname: "Campaign e-mail events",
          version: "1.0.0.0",
          description: madeByUs,
          "publisherid@odata.bind": `/publishers(${made.publisherid})`,
        };
        await client.call({ operation: "create solution", method: "POST", path: "solutions", body });
      },
    });
  }
  return actions;
}

/** First digits of the values of choices a publisher makes, 10,000 to 99,999. We make none. */
const optionPrefix = 72_700;

async function findPublisher(client: DataverseClient, prefix: string) {
  const path = `publishers?$select=publisherid,customizationprefix&$filter=customizationprefix eq '${prefix}'&$orderby=publisherid`;
  return (await list(client, "look for publisher", path, publisherSchema))[0];
}

async function planTable(options: ActivitiesOptions, desired: DesiredTable): Promise<Action[]> {
  const { client } = options;
  const { name } = desired.table;
  const found = await findTable(client, name);
  if (found && !found.isActivity) throw new Error(`table ${name} is there and is no activity table`);
  const actions: Action[] = [];
  if (!found) {
    const isThere = async (): Promise<boolean> => (await findTable(client, name)) !== undefined;
    const body = tableBody(desired);
    actions.push(
      definition(options, { what: `create activity table ${name}`, path: "EntityDefinitions", body, isThere }),
    );
  } else if ((found.lengths.get("subject") ?? 0) < desired.subjectLength) {
    actions.push(lengthening(options, name, "subject", desired.subjectLength));
  }
  for (const column of desired.columns) actions.push(...planColumn(options, name, column, found));
  return actions.map((action) => about(name, action));
}

function planColumn(
  options: ActivitiesOptions,
  table: string,
  column: DesiredColumn,
  found: FoundTable | undefined,
): Action[] {
  const kind = found?.columns.get(column.name);
  if (kind === undefined) {
    const path = `EntityDefinitions(LogicalName='${table}')/Attributes`;
    const isThere = async (): Promise<boolean> =>
      (await findTable(options.client, table))?.columns.has(column.name) ?? false;
    const what = `create column ${column.name} of ${table}`;
    return [definition(options, { what, path, body: columnBody(column), isThere })];
  }
  const wanted = column.kind === "instant" ? "DateTimeType" : "StringType";
  if (kind !== wanted) throw new Error(`column ${column.name} of ${table} is there and is ${kind}, not ${wanted}`);
  const isShort = column.length !== undefined && (found?.lengths.get(column.name) ?? 0) < column.length;
  return isShort ? [lengthening(options, table, column.name, column.length ?? 0)] : [];
}

/** Makes a table or column. It is done when it is there afterwards, whatever became of the answer: making a table may take longer than a request lives. */
function definition(
  { client, clock, solution }: ActivitiesOptions,
  {
    what,
    path,
    body,
    isThere,
  }: { what: string; path: string; body: Readonly<Record<string, unknown>>; isThere: () => Promise<boolean> },
): Action {
  const headers = { "mscrm.solutionuniquename": solution };
  const run = async (): Promise<void> => {
    try {
      await client.call({ operation: what, method: "POST", path, headers, body });
    } catch (error) {
      if (error instanceof SyncError && (await isThere())) return;
      throw error;
    }
  };
  return { what, kind: "create", run: () => whenFree(clock, run) };
}

/** A column is changed by writing its whole definition back (facts/dataverse.md §9.3). Never shortened. */
function lengthening(
  { client, clock, solution }: ActivitiesOptions,
  table: string,
  column: string,
  length: number,
): Action {
  const what = `lengthen column ${column} of ${table} to ${length} characters`;
  const path = `EntityDefinitions(LogicalName='${table}')/Attributes(LogicalName='${column}')`;
  const run = async (): Promise<void> => {
    const cast = `${path}/Microsoft.Dynamics.CRM.StringAttributeMetadata`;
    const whole = z.looseObject({}).parse(await client.json({ operation: "read column", path: cast }));
    const { "@odata.context": _context, ...rest } = whole;
    const body = { "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", ...rest, MaxLength: length };
    const headers = { "mscrm.mergelabels": "true", "mscrm.solutionuniquename": solution };
    await client.call({ operation: what, method: "PUT", path, headers, body });
  };
  return { what, run: () => whenFree(clock, run) };
}

/** Another customization is under way: only one can be (facts/dataverse.md §9.3). */
const busyCodes = new Set(["0x80071151", "0x80090412"]);
const busyPauseMs = 15_000;
const busyTries = 20;

async function whenFree(clock: Clock, run: () => Promise<void>): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await run();
    } catch (error) {
      const isBusy = error instanceof RefusedError && busyCodes.has(error.code.toLowerCase());
      if (!isBusy || tried === busyTries) throw error;
      await clock.sleep(busyPauseMs);
    }
  }
}
