import type { ServiceBusClient } from "@azure/service-bus";
import { readRecord } from "../../../shared/control/records.js";
import { previewRecords } from "../../../shared/flows/preview.js";
import { type Envelope, parseMessage } from "../../../shared/model/envelope.js";
import { parseRecordId, type RecordId } from "../../../shared/model/ids.js";
import type { Services } from "../../../shared/services.js";

const mostMessages = 1_000;

/** Where one record is, as lines. `bus`: where its messages are looked for, if given. */
export async function describeRecord(
  services: Services,
  bus: ServiceBusClient | undefined,
  table: string,
  given: string,
): Promise<string[]> {
  const id = parseRecordId(given);
  const record = await readRecord(services.controlPorts, table, id);
  const { state, dynamics, parents, failure, upToDate } = record;
  return [
    `${table} ${id}: ${record.lane}, bucket ${record.bucket}, ${record.laneWaiting} messages in the lane`,
    ...(record.mapped ? [] : ["not mapped: no mapping in force names this table"]),
    ...(record.parked === undefined ? [] : [`parked: ${record.parked}`]),
    ...(state ? stateLines(state) : ["state: none; nothing of this record has been dealt with"]),
    ...(dynamics
      ? [`in Dynamics: ${dynamics.problem ?? (dynamics.exists ? `version ${dynamics.version}` : "no such row")}`]
      : []),
    ...(upToDate === undefined
      ? []
      : [upToDate ? "its newest version has been dealt with" : "a newer version is still to come"]),
    ...parents.map((parent) => `parent ${parent.table} ${parent.id}: ${parent.standing}`),
    ...(failure
      ? [`failed ${failure.reports} times, last ${failure.lastAt}: ${failure.code}: ${failure.message}`]
      : []),
    ...(await campaignLines(services, table, id)),
    ...(bus ? await messageLines(bus, services.lanesQueue, table, id) : []),
  ];
}

type State = NonNullable<Awaited<ReturnType<typeof readRecord>>["state"]>;

function stateLines(state: State): string[] {
  const { version, present, filteredOut, tombstone, announced, writtenAt, heard, settings } = state;
  return [
    `state: version ${version ?? "unknown"}, ${present ? "in Campaign" : "not in Campaign"}, settings version ${settings}`,
    ...(heard ? [`  last news: ${heard.cause} of ${heard.at}, correlation ${heard.correlationId}`] : []),
    ...(writtenAt ? [`  Campaign was last written ${writtenAt}`] : []),
    ...(filteredOut ? ["  a filter, its own or a parent's, keeps it out"] : []),
    ...(tombstone ? [`  deleted in Dynamics, noticed ${tombstone}`] : []),
    ...(announced ? [`  a ${announced.kind} was announced and may take effect until ${announced.until}`] : []),
  ];
}

/** What Campaign holds against what it should hold: names of fields only. */
async function campaignLines({ ports }: Services, table: string, id: RecordId): Promise<string[]> {
  const mapping = (await ports.settings.current()).mappings.get(table);
  if (!mapping) return [];
  const [seen] = (await previewRecords(ports, mapping, [id])).records;
  if (!seen) return [];
  const name = mapping.resource.name;
  switch (seen.outcome) {
    case "unchanged":
      return [`${name} in Campaign: as Dynamics and the mapping say`];
    case "created":
      return [`${name} in Campaign: not there, and should be`];
    case "updated":
      return [`${name} in Campaign: differs in ${seen.fields.map(({ field }) => field).join(", ")}`];
    case "deleted":
      return [`${name} in Campaign: there, and should not be`];
    case "gone":
    case "filtered":
      return [`${name} in Campaign: nothing to do (${seen.outcome})`];
    case "waiting":
      return [`${name} in Campaign: its parent ${seen.parent.table} ${seen.parent.id} comes first`];
    case "refused":
    case "failed":
      return [`${name} in Campaign: ${seen.message}`];
  }
}

/** None, where a message was not made by this app. */
function envelopesOf(body: unknown): readonly Envelope[] {
  try {
    return parseMessage(body);
  } catch {
    return [];
  }
}

async function messageLines(bus: ServiceBusClient, queue: string, table: string, id: RecordId): Promise<string[]> {
  const receiver = bus.createReceiver(queue);
  try {
    const messages = await receiver.peekMessages(mostMessages);
    return messages.flatMap(({ body, scheduledEnqueueTimeUtc }) => {
      const due = scheduledEnqueueTimeUtc?.toISOString() ?? "now";
      const own = envelopesOf(body).filter((envelope) => envelope.table === table && envelope.id === id);
      return own.map(
        ({ kind, cause, attempt }) => `message: ${kind} because of a ${cause}, attempt ${attempt}, due ${due}`,
      );
    });
  } finally {
    await receiver.close();
  }
}
