import { afterAll, beforeAll, expect, it } from "vitest";
import { makeOperator, type Operator } from "../../infra/local/operator.js";
import { withOptOuts } from "../../infra/local/opt-outs-job.js";
import { eventually } from "../../infra/local/people.js";
import { contactId } from "../../infra/local/scenarios/contacts.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

const path = "/opt-outs/reconciliation";

let system: SmallSystem;
let operator: Operator;

beforeAll(async () => {
  system = await startSmallSystem(6, { OPTOUT_SCHEDULE: "*/1 * * * * *" });
  const host = await system.startHost();
  operator = makeOperator(() => host.address, "local-function-key");
  await system.agree();
});
afterAll(async () => {
  await system?.stop();
});

interface Answer {
  reconciliation?: { number: number; phase: string; differences: { kind: string; attribute: string; count: number }[] };
  words?: { number: number; phase: string; queued: number };
}

/** The same, by the choices of Campaign only. */
function toDynamics(document: unknown): unknown {
  const { optOuts, ...rest } = document as { optOuts?: object };
  return { ...rest, ...(optOuts && { optOuts: { ...optOuts, direction: "toDynamics" } }) };
}

/** The run, or the order, once it is done. */
async function done(what: "reconciliation" | "words", number: number): Promise<Answer> {
  return eventually(`${what} ${number}`, async () => {
    const answer = (await operator.send("GET", path)) as Answer;
    const { number: last, phase } = answer[what] ?? {};
    return last === number && phase === "done" ? answer : undefined;
  });
}

async function columnOf(n: number): Promise<unknown> {
  const rows = await system.observer.contacts();
  return rows.find(({ contactid }) => contactid === contactId(n))?.donotbulkemail;
}

it("an operator compares what both sides hold, switches opt-outs on, and opts in whom they confirm, and nobody else", async () => {
  const inCampaign = (n: number, blackListEmail: boolean) =>
    system.observer.command("campaign", "edit", { resource: "profile", key: contactId(n), values: { blackListEmail } });
  for (let n = 0; n < 6; n += 1) {
    const row = { donotphone: false, donotpostalmail: false, donotbulkemail: n === 1 || n === 2 };
    await system.editor.send("PATCH", `contacts(${contactId(n)})`, row);
  }
  await inCampaign(3, true);
  await system.agree();

  const { documents } = await operator.settings();
  const draft = documents.map(withOptOuts).map(toDynamics);
  await operator.send("POST", path, { documents: draft });
  const before = await done("reconciliation", 1);
  await operator.publish(draft, "opt-outs of Campaign count");
  await operator.send("POST", `${path}/apply`, { run: 1 });
  await done("words", 1);
  await eventually("the opt-out of contact 3", async () => ((await columnOf(3)) === true ? true : undefined));

  await operator.send("POST", path);
  const after = await done("reconciliation", 2);
  await operator.send("POST", `${path}/confirm`, {
    run: 2,
    records: [{ record: contactId(1), attribute: "email" }],
  });
  await eventually("the opt-in of contact 1", async () => ((await columnOf(1)) === false ? true : undefined));

  expect(before.reconciliation?.differences).toEqual([
    { kind: "opts-out", attribute: "email", count: 1 },
    { kind: "needs-word", attribute: "email", count: 2 },
  ]);
  expect(after.reconciliation?.differences).toEqual([{ kind: "needs-word", attribute: "email", count: 2 }]);
  expect(await columnOf(2)).toBe(true);
}, 180_000);
