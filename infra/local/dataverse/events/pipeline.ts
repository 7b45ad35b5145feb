// The event pipeline: which steps an event concerns, synchronous ones inside the transaction, asynchronous ones after it; facts/dataverse.md §1, §8, §11.
import { invalidArgument, ODataError } from "../errors.js";
import type { Session } from "../session.js";
import type { Database, Transaction } from "../store/database.js";
import { entityNameOf, type RowEvent } from "./context.js";
import { type Delivery, type DeliveryService, toSignedCode } from "./deliver.js";
import { buildBusMessage, buildWebhookMessage } from "./messages.js";
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

const tooLargeColumns = (what: string, code?: string) => {
  const message = `The ${what} exceeds the maximum size.`;
  return { ...(code === undefined ? {} : { errorcode: toSignedCode(code) }), message, friendlymessage: message };
};
/** What the system job of something too large says; for the bus the facts name no code. */
const TOO_LARGE = {
  webhook: tooLargeColumns("payload of the webhook call", "0x80050207"),
  bus: tooLargeColumns("message to the Service Bus"),
};

function toDelivery(
  session: Session,
  event: RowEvent,
  step: Step,
  id: string,
): { delivery: Delivery; tooLarge: boolean } {
  const { endpointId, autoDelete } = step;
  const common = { id, stepId: step.id, endpointId, message: event.message, table: entityNameOf(event), autoDelete };
  if (step.road === "bus") {
    const { message, tooLarge } = buildBusMessage(session, event, step, id);
    return { delivery: { ...common, road: "bus", content: message }, tooLarge };
  }
  const { headers, body, tooLarge } = buildWebhookMessage(session, event, step, id);
  return { delivery: { ...common, road: "webhook", headers, body }, tooLarge };
}

/** Makes the pipeline of an organisation. */
export function makeEventPipeline(database: Database, deliveries: DeliveryService): EventPipeline {
  const stepsFor = makeStepIndex(database);

  const concerned = (session: Session, event: RowEvent): readonly Step[] => {
    const steps = stepsFor(event.message, entityNameOf(event));
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
      const message = buildWebhookMessage(session, event, step, session.requestId);
      const outcome = message.tooLarge
        ? { code: "0x80050207", reason: "The webhook payload is too large." }
        : await deliveries.call(step.endpointId, message.headers, message.body);
      if (outcome.reason !== undefined) throw new ODataError(400, outcome.code ?? "", outcome.reason);
    }
  };

  const addJob = (session: Session, tx: Transaction, event: RowEvent, step: Step): void => {
    const jobs = database.table("asyncoperation");
    if (!jobs) return;
    const id = session.org.makeId();
    const { delivery, tooLarge } = toDelivery(session, event, step, id);
    const seconds = Math.floor(session.org.world.now() / 1000);
    const regarding = event.message !== "Delete" && ["contact", "account"].includes(entityNameOf(event));
    tx.put(jobs, {
      asyncoperationid: id,
      name: step.name,
      messagename: event.message,
      primaryentitytype: entityNameOf(event),
      depth: event.depth,
      correlationid: session.correlationId,
      owningextensionid: { table: "sdkmessageprocessingstep", id: step.id },
      ...(regarding ? { regardingobjectid: { table: event.table.name, id: event.id } } : {}),
      ...(tooLarge ? { statecode: 3, statuscode: 31, ...TOO_LARGE[step.road], completedon: seconds } : {}),
      startedon: seconds,
      createdon: seconds,
      modifiedon: seconds,
      versionnumber: tx.nextVersion(),
    });
    if (!tooLarge) deliveries.add(tx, delivery);
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
