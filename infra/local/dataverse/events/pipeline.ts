// The event pipeline: which steps an event concerns, synchronous ones inside the transaction, asynchronous ones after it; facts/dataverse.md §1, §8, §11.
import { invalidArgument, ODataError } from "../errors.js";
import type { Session } from "../session.js";
import type { Database, Transaction } from "../store/database.js";
import { buildStepMessage, type RowEvent } from "./context.js";
import type { DeliveryService } from "./deliver.js";
import { makeStepIndex, type Step } from "./steps.js";

/** Raises events. `before` runs ahead of the write (stages 10 and 20), `after` behind it (stage 40). */
export interface EventPipeline {
  before(session: Session, tx: Transaction, event: RowEvent): Promise<void>;
  after(session: Session, tx: Transaction, event: RowEvent): Promise<void>;
  /** Whether any enabled step listens: without one an event need not be put together. */
  hasSteps(message: string, table: string): boolean;
}

/** Which steps the request's bypass headers leave out (facts/dataverse.md §8). */
function makeBypass(session: Session): (step: Step) => boolean {
  const { headers } = session.request;
  const logic = new Set((headers["mscrm.bypassbusinesslogicexecution"] ?? "").split(",").map((part) => part.trim()));
  const ids = (headers["mscrm.bypassbusinesslogicexecutionstepids"] ?? "")
    .split(",")
    .map((id) => id.trim().toLowerCase())
    .filter(Boolean);
  const oldSync = headers["mscrm.bypasscustompluginexecution"]?.toLowerCase() === "true";
  if (ids.length > 3)
    throw invalidArgument(
      "The number of step ids in MSCRM.BypassBusinessLogicExecutionStepIds exceeds the limit of 3.",
    );
  const skipsWebhooks = session.org.switches.bypassSkipsWebhooks;
  return (step) =>
    ids.includes(step.id) ||
    (skipsWebhooks &&
      step.canBeBypassed &&
      (logic.has(step.async ? "CustomAsync" : "CustomSync") || (oldSync && !step.async)));
}

/** Makes the pipeline of an organisation. */
export function makeEventPipeline(database: Database, deliveries: DeliveryService): EventPipeline {
  const stepsFor = makeStepIndex(database);

  const concerned = (session: Session, event: RowEvent): readonly Step[] => {
    const steps = stepsFor(event.message, event.table.name);
    if (steps.length === 0) return steps;
    const bypassed = makeBypass(session);
    // The request counts, not the difference it makes (facts/dataverse.md §1.3).
    const inFilter = (step: Step): boolean =>
      event.message !== "Update" ||
      !step.filter ||
      [...((event.sent ?? event.target)?.keys() ?? [])].some((name) => step.filter?.has(name));
    return steps.filter((step) => !bypassed(step) && inFilter(step));
  };

  const runSync = async (session: Session, event: RowEvent, steps: readonly Step[]): Promise<void> => {
    for (const step of steps) {
      const message = buildStepMessage(session, event, step, session.requestId);
      const outcome = message.tooLarge
        ? { code: "0x80050207", reason: "The webhook payload is too large." }
        : await deliveries.call(step.endpointId, message.headers, message.body);
      if (outcome.code !== undefined) throw new ODataError(400, outcome.code, outcome.reason ?? "");
    }
  };

  const addJob = (session: Session, tx: Transaction, event: RowEvent, step: Step): void => {
    const jobs = database.table("asyncoperation");
    if (!jobs) return;
    const { world } = session.org;
    const id = session.org.makeId();
    const message = buildStepMessage(session, event, step, id);
    const seconds = Math.floor(world.now() / 1000);
    const regarding = event.message !== "Delete" && ["contact", "account"].includes(event.table.name);
    const reason = "The webhook call failed because the payload exceeds the maximum size.";
    tx.put(jobs, {
      asyncoperationid: id,
      name: step.name,
      messagename: event.message,
      primaryentitytype: event.table.name,
      depth: event.depth,
      correlationid: session.correlationId,
      owningextensionid: { table: "sdkmessageprocessingstep", id: step.id },
      ...(regarding ? { regardingobjectid: { table: event.table.name, id: event.id } } : {}),
      ...(message.tooLarge
        ? { statecode: 3, statuscode: 31, errorcode: 0x80050207 | 0, message: reason, friendlymessage: reason }
        : {}),
      startedon: seconds,
      createdon: seconds,
      modifiedon: seconds,
      versionnumber: tx.nextVersion(),
    });
    if (message.tooLarge) return;
    deliveries.add(tx, {
      id,
      stepId: step.id,
      endpointId: step.endpointId,
      message: event.message,
      table: event.table.name,
      headers: message.headers,
      body: message.body,
      autoDelete: step.autoDelete,
    });
  };

  return {
    hasSteps: (message, table) => stepsFor(message, table).length > 0,
    async before(session, _tx, event) {
      const steps = concerned(session, event).filter(({ async, stage }) => !async && stage < 40);
      if (steps.length > 0) await runSync(session, event, steps);
    },
    async after(session, tx, event) {
      const steps = concerned(session, event).filter(({ async, stage }) => async || stage === 40);
      if (steps.length === 0) return;
      await runSync(
        session,
        event,
        steps.filter(({ async }) => !async),
      );
      for (const step of steps) if (step.async) addJob(session, tx, event, step);
    },
  };
}
