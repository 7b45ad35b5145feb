// The whole product with opt-outs kept equal in both directions and contacts that are loaded: people choose on either side, and what comes of it on the
// other is looked up in the simulators' own logs. What is measured is in the other files.

import { createHash } from "node:crypto";
import { makeOperator, type Operator } from "../../infra/local/operator.js";
import { mapped, withOptOuts } from "../../infra/local/opt-outs-job.js";
import { type CallCounts, eventually, type RecordWrite } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { registerInForce } from "../../infra/local/register.js";
import { contactId } from "../../infra/local/scenarios/contacts.js";
import { openState } from "../../infra/local/state.js";
import { type System, type SystemOptions, withSystem } from "../ingress/system.js";

/** A side on which somebody chooses; what is measured shows on the other one. `edit`: no choice, an ordinary field in Dynamics. */
export type Side = "campaign" | "dynamics" | "edit";

/** A running product whose opt-outs are equal. */
export interface OptOutSystem extends System {
  operator: Operator;
  host: LocalProcess;
  /** Opts the contact out (of e-mail in Campaign, of phone calls in Dynamics), or edits it; answers when it was sent, epoch ms. */
  act(side: Side, number: number): Promise<number>;
  /** When the other side was written (epoch ms), by contact, as far as that is known yet. Asked at least every few seconds it misses none. */
  written(side: Side, numbers: readonly number[]): Promise<ReadonlyMap<number, number>>;
}

const { email, phone } = mapped;
/** What Campaign's simulator keeps of the body of each write. */
const optOutOfPhone = createHash("sha256")
  .update(JSON.stringify({ [phone.field]: true }))
  .digest("hex");

/** Starts it, loads `contacts` contacts, switches opt-outs on, hands it to `measure`, and ends every process of it. */
export function withOptOutSystem<Answer>(
  options: SystemOptions,
  measure: (system: OptOutSystem) => Promise<Answer>,
): Promise<Answer> {
  return withSystem(options, async (system) => {
    const { runtime } = system;
    const host = await system.startHost();
    const key = String(runtime.settings.LOCAL_FUNCTION_KEY);
    const operator = makeOperator(() => host.address, key);
    await system.profilesReach(options.contacts, 600_000);
    await system.calm();
    const { documents } = await operator.settings();
    await operator.publish(documents.map(withOptOuts), "opt-outs in both directions");
    const webhook = { url: `${host.address}/api/ingress-webhook`, key, name: String(runtime.settings.OWN_TAG) };
    await registerInForce(runtime.settings, operator, { webhook });
    await replayed(system, "changed");
    return measure(toOptOutSystem(system, operator, host));
  });
}

/** Waits until the table's full read in this mode is done. */
export async function replayed({ runtime }: System, mode: string): Promise<void> {
  const { checkpoints } = openState(String(runtime.settings.TABLES));
  await eventually(
    `the replay ${mode}`,
    async () => {
      const { phase, mode: last } = (await checkpoints.read("ingress", "contact-load"))?.values ?? {};
      return phase === "done" && last === mode ? true : undefined;
    },
    { withinMs: 600_000, everyMs: 250 },
  );
}

function toOptOutSystem(system: System, operator: Operator, host: LocalProcess): OptOutSystem {
  const { observer, editor, look } = system;
  const inDynamics = new Map<string, number>();
  const inCampaign = new Map<string, number>();
  const edited = new Map<string, number>();
  const lookAtDynamics = async (): Promise<void> => {
    const { requests } = (await look("dataverse", "requests?method=PATCH&path=/contacts(&limit=1000")) as {
      requests: { at: string; path: string; status: number; ms: number }[];
    };
    for (const { at, path, status, ms } of requests) {
      const id = /\(([0-9a-f-]{36})\)\?.*tag=/.exec(path)?.[1];
      if (id === undefined || status >= 300 || inDynamics.has(id)) continue;
      inDynamics.set(id, Date.parse(at) + ms);
    }
  };
  const lookAtCampaign = async (id: string): Promise<void> => {
    const editedAt = edited.get(id);
    const isIt = ({ sha256, at }: RecordWrite): boolean =>
      editedAt === undefined ? sha256 === optOutOfPhone : Date.parse(at) >= editedAt;
    const write = (await observer.writes(id)).find(isIt);
    if (write) inCampaign.set(id, Date.parse(write.at));
  };
  return {
    ...system,
    operator,
    host,
    async act(side, number) {
      const at = Date.now();
      const id = contactId(number);
      if (side === "edit") {
        edited.set(id, at);
        await editor.update(id, { lastname: "Neuhaus" });
      } else if (side === "dynamics") await editor.send("PATCH", `contacts(${id})`, { [phone.column]: true });
      else
        await observer.command("campaign", "edit", { resource: "profile", key: id, values: { [email.field]: true } });
      return at;
    },
    async written(side, numbers) {
      const known = side === "campaign" ? inDynamics : inCampaign;
      const missing = numbers.filter((number) => !known.has(contactId(number)));
      if (side === "campaign" && missing.length > 0) await lookAtDynamics();
      if (side !== "campaign") for (const number of missing) await lookAtCampaign(contactId(number));
      return new Map(
        numbers.flatMap((number) => {
          const at = known.get(contactId(number));
          return at === undefined ? [] : [[number, at] as const];
        }),
      );
    },
  };
}

/** Engine calls, those that look for changed opt-outs apart. */
export function splitCalls({ kinds }: CallCounts): { looks: number; others: number; names: string[] } {
  const counted = Object.entries(kinds).map(([name, { calls }]) => ({
    name,
    calls,
    // Keys are in the URI here: nothing else is asked for by a filter, and the metadata once an hour.
    isLook: name.includes("by filter") || name.includes("metadata"),
  }));
  const sum = (isLook: boolean): number =>
    counted.filter((one) => one.isLook === isLook).reduce((total, { calls }) => total + calls, 0);
  return { looks: sum(true), others: sum(false), names: counted.map(({ name, calls }) => `${calls} × ${name}`) };
}
