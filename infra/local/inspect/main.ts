// npm run inspect                     checkpoints, queue, open failures
// npm run inspect -- contact ID       where one record is now: lane, waiting messages, state, failure
// Reads a running system from outside, never changes it; shows ids, versions and times, no personal data.

import { parseArgs } from "node:util";
import { makeServiceBusClient } from "../../../shared/messaging/service-bus-client.js";
import { parseRecordId } from "../../../shared/model/ids.js";
import { bucketOf, laneOf } from "../../../shared/model/lane.js";
import { loadSettings, type Settings } from "../../../shared/settings/load.js";
import { type SettingDefinition, settingDefinitions } from "../../../shared/settings/schema.js";
import type { FailureRecord } from "../../../shared/storage/failures.js";
import { openState, type State } from "../state.js";

/** A message as inspect shows it. */
interface Waiting {
  lane: string;
  table: string;
  id: string;
  kind: string;
  cause: string;
  attempt: number;
  due: string;
}

const mostMessages = 1_000;

async function main(): Promise<void> {
  const { positionals } = parseArgs({ allowPositionals: true });
  const settings = loadSettings({ ...localSettings(), ...process.env });
  if (settings.tables.by !== "connection-string" || settings.serviceBus.by !== "connection-string") {
    throw new Error("inspect reads the local runtime: SERVICEBUS and TABLES must be connection strings");
  }
  const state = openState(settings.tables.value);
  const waiting = await peekAll(settings.serviceBus.value);
  const [table, id] = positionals;
  if (table === undefined) await showOverview(state, waiting);
  else if (id === undefined) throw new Error("usage: npm run inspect -- [TABLE ID]");
  else await showRecord(state, waiting, settings, table, id);
}

/** The local runtime's settings, as in local.settings.sample.json. */
function localSettings(): Record<string, string> {
  return Object.fromEntries(
    Object.entries<SettingDefinition>(settingDefinitions).map(([name, { sample }]) => [name, sample]),
  );
}

async function peekAll(connectionString: string): Promise<Waiting[]> {
  const client = makeServiceBusClient({ connectionString });
  try {
    const receiver = client.createReceiver("changes");
    const messages = await receiver.peekMessages(mostMessages);
    return messages.map(({ body, sessionId, scheduledEnqueueTimeUtc }) => ({
      lane: sessionId ?? "",
      table: String(body?.table),
      id: String(body?.id),
      kind: String(body?.kind),
      cause: String(body?.cause),
      attempt: Number(body?.attempt),
      due: scheduledEnqueueTimeUtc?.toISOString() ?? "now",
    }));
  } finally {
    await client.close();
  }
}

async function openFailures(state: State): Promise<FailureRecord[]> {
  const found: FailureRecord[] = [];
  for await (const failure of state.failures.list("open")) found.push(failure);
  return found;
}

async function showOverview(state: State, waiting: readonly Waiting[]): Promise<void> {
  console.log("checkpoints");
  for (const { stream, values } of await state.checkpoints.list("ingress")) {
    const facts = Object.entries(values).filter(([name]) => name !== "link" && name !== "cursor");
    console.log(`  ${stream.padEnd(16)} ${facts.map(([name, value]) => `${name} ${value}`).join(", ")}`);
  }
  const scheduled = waiting.filter(({ due }) => due !== "now").length;
  const more = waiting.length === mostMessages ? " or more" : "";
  console.log(`queue changes: ${waiting.length - scheduled}${more} waiting, ${scheduled} scheduled`);
  const failures = await openFailures(state);
  console.log(`open failures: ${failures.length}`);
  for (const { table, id, code, message, lastAt } of failures.slice(0, 20)) {
    console.log(`  ${lastAt}  ${table} ${id}  ${code}: ${message}`);
  }
}

async function showRecord(
  state: State,
  waiting: readonly Waiting[],
  { lanes }: Settings,
  table: string,
  given: string,
): Promise<void> {
  const id = parseRecordId(given);
  console.log(`${table} ${id}: ${laneOf(table, id, lanes)}, bucket ${bucketOf(table, id)}`);
  const stored = await state.states.read(table, id);
  if (!stored) console.log("state: none; nothing of this record has been dealt with");
  else {
    const { version, present, tombstone, intent, failing } = stored.state;
    console.log(`state: version ${version ?? "unknown"}, ${present ? "in Campaign" : "not in Campaign"}`);
    if (tombstone) console.log(`  deleted in Dynamics, noticed ${tombstone}`);
    if (intent)
      console.log(`  a ${intent.kind} was announced and may take effect until ${new Date(intent.until).toISOString()}`);
    if (failing) console.log("  it has failed");
  }
  const own = waiting.filter((message) => message.table === table && message.id === id);
  console.log(`messages: ${own.length}`);
  for (const { kind, cause, attempt, due } of own)
    console.log(`  ${kind} because of a ${cause}, attempt ${attempt}, due ${due}`);
  const failures = (await openFailures(state)).filter((failure) => failure.table === table && failure.id === id);
  for (const { code, message, lastAt, reports } of failures)
    console.log(`failed ${reports} times, last ${lastAt}: ${code}: ${message}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
