// The form and the view of each activity table, as far as the Web API lets us: our columns on the main form, a view of all events. Not covered by the facts
// this project goes by (unconfirmed): it is tried, nothing depends on it, and what does not work is said, with the way by hand.

import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { AuthError, SyncError } from "../../shared/errors.js";
import type { EventType } from "../../shared/model/email-event.js";
import { list } from "./action.js";
import { type DesiredColumn, type DesiredTable, desiredTables } from "./activities-desired.js";

/** What became of a form or view. `by hand`: `why`, and then as `byHand` says. */
export interface Fitted {
  what: string;
  outcome: "done" | "there" | "by hand";
  why?: string;
}

/** How to do by hand what could not be done, for people. */
export const byHand = `In Power Apps (make.powerapps.com): Solutions, the solution, Tables, the table.
 Forms: open the main form, drag the table's own columns (Campaign Name, Delivery Name, the date, the URLs) into a section, save and publish.
 Views: new view, columns Subject, Regarding, Campaign Name, Delivery Name, the date; save and publish.
 Timeline: in the contact's form select the timeline, and add the four tables under Activity types.`;

const formSchema = z.object({ formid: z.string(), formxml: z.string() });
const viewSchema = z.object({ savedqueryid: z.string() });
const codeSchema = z.object({ ObjectTypeCode: z.number() });

const mainForm = 2;
const publicView = 0;

/**
 * Puts columns on forms and makes views, for tables that are there; those of `foreign` types are somebody else's. Done twice it changes nothing; a form that
 * somebody arranged keeps its arrangement.
 */
export async function fitForms(
  client: DataverseClient,
  prefix: string,
  foreign?: ReadonlySet<EventType>,
): Promise<Fitted[]> {
  const fitted: Fitted[] = [];
  const tables = desiredTables(prefix, foreign);
  for (const desired of tables) {
    fitted.push(await attempt(`form of ${desired.table.name}`, () => fitForm(client, desired)));
    fitted.push(await attempt(`view of ${desired.table.name}`, () => fitView(client, desired)));
  }
  if (fitted.some(({ outcome }) => outcome === "done")) {
    fitted.push(await attempt("publishing", () => publish(client, tables)));
  }
  return fitted;
}

async function attempt(what: string, run: () => Promise<Omit<Fitted, "what">>): Promise<Fitted> {
  try {
    return { what, ...(await run()) };
  } catch (error) {
    const isOurs = error instanceof SyncError || error instanceof z.ZodError;
    if (!isOurs || error instanceof AuthError) throw error;
    const why = error instanceof SyncError ? error.message : "the answer of Dataverse was not understood";
    return { what, outcome: "by hand", why };
  }
}

async function fitForm(client: DataverseClient, { table, columns }: DesiredTable): Promise<Omit<Fitted, "what">> {
  const filter = `objecttypecode eq '${table.name}' and type eq ${mainForm}`;
  const path = `systemforms?$select=formid,formxml&$filter=${filter}&$orderby=formid`;
  const [form] = await list(client, "look for the main form", path, formSchema);
  if (!form) return { outcome: "by hand", why: "there is no main form" };
  const missing = columns.filter(({ name }) => !form.formxml.includes(`datafieldname="${name}"`));
  if (missing.length === 0) return { outcome: "there" };
  const end = form.formxml.indexOf("</sections>");
  if (end < 0) return { outcome: "by hand", why: "the main form has no section to put columns beside" };
  const formxml = form.formxml.slice(0, end) + sectionXml(missing) + form.formxml.slice(end);
  const operation = "put columns on the main form";
  await client.call({ operation, method: "PATCH", path: `systemforms(${form.formid})`, body: { formxml } });
  return { outcome: "done" };
}

async function fitView(
  client: DataverseClient,
  { table, columns, collectionLabel }: DesiredTable,
): Promise<Omit<Fitted, "what">> {
  const filter = `returnedtypecode eq '${table.name}' and name eq '${collectionLabel}'`;
  const path = `savedqueries?$select=savedqueryid&$filter=${filter}`;
  if ((await list(client, "look for the view", path, viewSchema)).length > 0) return { outcome: "there" };
  const definition = `EntityDefinitions(LogicalName='${table.name}')?$select=ObjectTypeCode`;
  const { ObjectTypeCode } = codeSchema.parse(await client.json({ operation: "read table", path: definition }));
  const shown = [
    "subject",
    "regardingobjectid",
    ...columns.filter(({ kind }) => kind !== "url").map(({ name }) => name),
  ];
  const body = {
    name: collectionLabel,
    returnedtypecode: table.name,
    querytype: publicView,
    fetchxml: fetchXml(table.name, shown, table.columns.date),
    layoutxml: layoutXml(ObjectTypeCode, shown),
  };
  await client.call({ operation: "make the view", method: "POST", path: "savedqueries", body });
  return { outcome: "done" };
}

async function publish(client: DataverseClient, tables: readonly DesiredTable[]): Promise<Omit<Fitted, "what">> {
  const names = tables.map(({ table }) => `<entity>${table.name}</entity>`);
  const ParameterXml = `<importexportxml><entities>${names.join("")}</entities></importexportxml>`;
  await client.call({ operation: "publish", method: "POST", path: "PublishXml", body: { ParameterXml } });
  return { outcome: "done" };
}

/** Classes of form controls: single line, URL, date and time. */
const controls: Readonly<Record<DesiredColumn["kind"], string>> = {
  text: "{4273EDBD-AC1D-40D3-9FB2-095C621B552D}",
  url: "{71716B6C-711E-476C-8AB8-5D11542BFB47}",
  instant: "{5B773807-9FB2-42DB-97C3-7A91EFF8ADFF}",
};

function sectionXml(columns: readonly DesiredColumn[]): string {
  const label = (text: string): string => `<labels><label description="${text}" languagecode="1033"/></labels>`;
  const rows = columns.map(
    ({ name, label: text, kind }) =>
      `<row><cell id="{${randomUUID()}}">${label(text)}<control id="${name}" classid="${controls[kind]}" datafieldname="${name}"/></cell></row>`,
  );
  const id = `{${randomUUID()}}`;
  return `<section name="campaign_event" id="${id}" columns="1" showlabel="false" showbar="false">${label("Campaign")}<rows>${rows.join("")}</rows></section>`;
}

function fetchXml(table: string, columns: readonly string[], date: string): string {
  const attributes = ["activityid", ...columns].map((name) => `<attribute name="${name}"/>`).join("");
  return `<fetch version="1.0" mapping="logical"><entity name="${table}">${attributes}<order attribute="${date}" descending="true"/></entity></fetch>`;
}

function layoutXml(typeCode: number, columns: readonly string[]): string {
  const cells = columns.map((name) => `<cell name="${name}" width="200"/>`).join("");
  return `<grid name="resultset" object="${typeCode}" jump="subject" select="1" icon="1" preview="1"><row name="result" id="activityid">${cells}</row></grid>`;
}
