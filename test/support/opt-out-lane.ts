// People whose opt-outs are kept equal: what they choose in Dynamics and in Campaign's simulator, the messages that tell the lane, and what stands on
// either side afterwards. The flows and adapters are the real ones (ingress-world.ts).

import type { InstanceConfiguration } from "../../infra/local/campaign/model/instance.js";
import type { OptOutDecision } from "../../shared/flows/optout-ports.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import type { Envelope } from "../../shared/model/envelope.js";
import type { Row } from "../../shared/model/row.js";
import { type OptOutAttribute, type OptOutDirection, optOutAttributes } from "../../shared/optout/attributes.js";
import { type CampaignRequest, type IngressWorld, Killed, makeIngressWorld } from "./ingress-world.js";
import { aField, aMappingDocument, compiled } from "./mappings.js";
import { recordId } from "./samples.js";

/** Choices by attribute; true: must not be contacted. */
export type Choices = Readonly<Partial<Record<OptOutAttribute, boolean>>>;

/** The columns that stand for the attributes. */
export const optOutColumns: Readonly<Record<OptOutAttribute, string>> = {
  any: "acme_nocontact",
  email: "donotemail",
  fax: "donotfax",
  mobile: "acme_nosms",
  phone: "donotphone",
  postalMail: "donotpostalmail",
  push: "acme_nopush",
  ccpa: "acme_donotsell",
};

/** How contacts become profiles in these tests: three attributes, unless the test says which. */
export interface LaneOptions {
  attributes?: readonly OptOutAttribute[];
  /** More of the mapping's `optOuts`, and of the mapping. */
  optOuts?: Record<string, unknown>;
  fields?: readonly Record<string, unknown>[];
  mapping?: Record<string, unknown>;
  spelling?: "blackList" | "denyList";
  campaign?: InstanceConfiguration;
}

/** A mapping of contacts with a last name and opt-outs. */
export function contactsWithOptOuts(direction: OptOutDirection, options: LaneOptions = {}): CompiledMapping {
  const { attributes = ["email", "phone", "push"], optOuts, fields = [aField()], mapping } = options;
  const chosen = Object.fromEntries(attributes.map((attribute) => [attribute, optOutColumns[attribute]]));
  const columns = {
    contactid: "id",
    lastname: "string",
    emailaddress1: "string",
    jobtitle: "string",
    statecode: "choice",
    ...Object.fromEntries(Object.values(optOutColumns).map((column) => [column, "boolean"])),
  };
  return compiled(
    aMappingDocument(fields, { columns, optOuts: { direction, attributes: chosen, ...optOuts }, ...mapping }),
  );
}

/** One lane and the people in it, by number. Whoever acts does so ten seconds after whatever happened before. */
export interface OptOutLane {
  world: IngressWorld;
  direction: OptOutDirection;
  /** A contact is made or changed in Dynamics. */
  edit(n: number, row: Row): void;
  /** Somebody chooses in Dynamics. */
  chooseInDynamics(n: number, choices: Choices): void;
  /** Somebody chooses in Campaign. */
  chooseInCampaign(n: number, choices: Choices): void;
  remove(n: number): void;
  /** What a webhook says of the contact as it is now, with its row; or that it is gone. */
  notice(n: number, changes?: Partial<Envelope>): Envelope;
  /** The same without row. */
  bare(n: number, changes?: Partial<Envelope>): Envelope;
  /** What the pull says of a profile whose opt-outs moved. */
  moved(n: number, changes?: Partial<Envelope>): Envelope;
  /** Sends messages and handles all that comes of them; a process that is killed is followed by another. */
  handle(...envelopes: Envelope[]): Promise<void>;
  /** A new contact with these choices, settled. */
  begin(n: number, choices?: Choices): Promise<void>;
  /** A contact that both sides show with these choices, compared. */
  agree(n: number, choices: Choices): Promise<void>;
  /** Attributes that are opted out, by side; undefined: there is no such record. */
  sides(n: number): { dynamics: string | undefined; campaign: string | undefined };
  /** What was sent to Campaign while `work` ran: method, and what of an opt-out was written. */
  sentDuring(work: () => Promise<void>): Promise<string[]>;
  /** Every opt-in that was written while `work` ran: `false` in a body to Campaign, or in a column of Dynamics. */
  optInsDuring(work: () => Promise<void>): Promise<string[]>;
  /** All decisions, oldest first: `email: <rule>, campaign out (written)`. */
  decided(n?: number): Promise<string[]>;
  decisions(): Promise<OptOutDecision[]>;
}

const actMs = 10_000;

/** Makes an empty lane. */
export async function makeOptOutLane(direction: OptOutDirection, options: LaneOptions = {}): Promise<OptOutLane> {
  const { spelling = "blackList", campaign } = options;
  const world = await makeIngressWorld({
    mapping: contactsWithOptOuts(direction, options),
    switches: { optOutNames: spelling },
    ...(campaign && { campaign }),
  });
  const wireName = (attribute: OptOutAttribute): string =>
    attribute === "ccpa" ? "ccpaOptOut" : spelling + (ends[attribute] ?? capital(attribute));
  let messages = 0;

  const bare = (n: number, changes: Partial<Envelope> = {}): Envelope => {
    messages += 1;
    const isThere = world.dynamics.rows().has(recordId(n));
    return {
      v: 1,
      table: "contact",
      id: recordId(n),
      kind: isThere ? "upsert" : "delete",
      cause: "notice",
      attempt: 0,
      occurredAt: new Date(world.clock.now()).toISOString(),
      correlationId: `message-${messages}`,
      nonce: `message-${messages}`,
      ...changes,
    };
  };
  const settled = async (work: () => void, n: number): Promise<void> => {
    work();
    await lane.handle(lane.notice(n));
    world.clock.advance(actMs);
  };
  const toRow = (choices: Choices): Row =>
    Object.fromEntries(Object.entries(choices).map(([name, out]) => [optOutColumns[name as OptOutAttribute], out]));
  const out = (isOut: (attribute: OptOutAttribute) => boolean): string =>
    optOutAttributes.filter(isOut).join(" ") || "-";

  const lane: OptOutLane = {
    world,
    direction,
    bare,
    edit(n, row) {
      world.clock.advance(actMs);
      const before = world.dynamics.rows().get(recordId(n))?.row ?? { lastname: "Lee" };
      world.dynamics.put(recordId(n), { ...before, ...row });
    },
    chooseInDynamics: (n, choices) => lane.edit(n, toRow(choices)),
    chooseInCampaign(n, choices) {
      world.clock.advance(actMs);
      const values = Object.fromEntries(
        Object.entries(choices).map(([name, value]) => [wireName(name as OptOutAttribute), value]),
      );
      world.campaignCommand("edit", { resource: "profile", key: recordId(n), values });
    },
    remove(n) {
      world.clock.advance(actMs);
      world.dynamics.remove(recordId(n));
    },
    notice(n, changes = {}) {
      const current = world.dynamics.rows().get(recordId(n));
      if (!current) return bare(n, changes);
      const { cells, columnSet } = world.mapping("contact");
      const row = Object.fromEntries(cells.map((cell) => [cell, current.row[cell] ?? null]));
      return bare(n, { version: current.version, row, columns: columnSet, ...changes });
    },
    moved: (n, changes) => bare(n, { kind: "optout", cause: "optout", ...changes }),
    async handle(...envelopes) {
      await world.queue.send(envelopes);
      for (;;) {
        try {
          return await world.drain();
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          world.restart();
        }
      }
    },
    begin: (n, choices = {}) => settled(() => lane.chooseInDynamics(n, choices), n),
    async agree(n, choices) {
      await lane.begin(n);
      await settled(() => lane.chooseInDynamics(n, choices), n);
      if (Object.keys(choices).length === 0 || direction !== "toDynamics") return;
      lane.chooseInCampaign(n, choices);
      await lane.handle(lane.moved(n));
      world.clock.advance(actMs);
    },
    sides(n) {
      const row = world.dynamics.rows().get(recordId(n))?.row;
      const profile = world.profiles().find(({ externalId }) => externalId === recordId(n));
      return {
        dynamics: row && out((attribute) => row[optOutColumns[attribute]] === true),
        campaign: profile && out((attribute) => profile[wireName(attribute)] === true),
      };
    },
    async sentDuring(work) {
      const before = world.requests.length;
      await work();
      return world.requests
        .slice(before)
        .filter(({ path }) => !path.includes("resourceType"))
        .map(inWords);
    },
    async optInsDuring(work) {
      const inDynamics: string[] = [];
      const { dynamics } = world.ports.optOuts;
      const { write } = dynamics;
      dynamics.write = (...given) => {
        const [, , columns] = given;
        inDynamics.push(...Object.keys(columns).filter((column) => columns[column] === false));
        return write(...given);
      };
      const sent = await lane.sentDuring(work);
      dynamics.write = write;
      return [...sent.filter((words) => words.includes("=false")), ...inDynamics];
    },
    async decisions() {
      const found: OptOutDecision[] = [];
      for await (const { decision } of world.decisions.list({})) found.push(decision);
      return found.reverse();
    },
    async decided(n) {
      const found = (await lane.decisions()).filter(({ record }) => n === undefined || record === recordId(n));
      return found.map(({ attribute, rule, wrote, result }) => {
        const what = wrote ? `, ${wrote.side} ${wrote.value ? "out" : "in"}` : "";
        return `${attribute}: ${rule}${what} (${result})`;
      });
    },
  };
  return lane;
}

const ends: Readonly<Partial<Record<OptOutAttribute, string>>> = { any: "", push: "Pushnotification" };

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** `PATCH blackListEmail=true`; fields that are no opt-outs by their names alone. */
function inWords({ method, body }: CampaignRequest): string {
  if (typeof body !== "object" || body === null) return method;
  const fields = Object.entries(body).filter(([name]) => name !== "externalId");
  return [method, ...fields.map(([name, value]) => (typeof value === "boolean" ? `${name}=${value}` : name))].join(" ");
}

/** Plays `scenario` once for every call of any port at which the process can die, before and after it, each in a world of its own. */
export async function killedAtEveryCall(
  scenario: () => Promise<OptOutLane>,
  play: (lane: OptOutLane) => Promise<void>,
  judge: (lane: OptOutLane, where: string) => Promise<void>,
): Promise<number> {
  const whole = await scenario();
  whole.world.killAt({ call: Number.POSITIVE_INFINITY, when: "before" });
  await play(whole);
  await judge(whole, "never killed");
  const calls = whole.world.calls();
  for (let call = 1; call <= calls; call += 1) {
    for (const when of ["before", "after"] as const) {
      const lane = await scenario();
      lane.world.killAt({ call, when });
      await play(lane);
      await judge(lane, `killed ${when} call ${call} of ${calls}`);
    }
  }
  return calls;
}
