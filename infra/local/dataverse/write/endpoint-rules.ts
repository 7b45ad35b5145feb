// What a service endpoint must be: a webhook, or a Service Bus queue or topic with a SAS key; facts/dataverse.md §1.1, §2.
// What exists in the real product and is not imitated is refused with 501.
import { invalidArgument, notImitated, type ODataError, requiredFieldMissing } from "../errors.js";
import { BUS_CONTRACTS } from "../events/send-to-bus.js";
import type { Session } from "../session.js";
import type { After } from "./computed.js";
import type { Values } from "./parse-payload.js";

/** Checks and completes the values of one write; `after` reads the row as it will be. */
export type TableRule = (session: Session, values: Values, after: After, isNew: boolean) => void;

const NAMES: Record<number, string> = {
  ...{ 1: "OneWay", 2: "Queue, the older value: use 6", 3: "Rest", 4: "TwoWay" },
  ...{ 7: "Event Hub", 9: "Event Grid", 10: "Managed Data Lake" },
};

/** Service Bus endpoints are for asynchronous steps only (facts/dataverse.md §2). */
export const syncOnBus = (): ODataError =>
  invalidArgument("Only asynchronous steps can be registered for a service endpoint that posts to a Service Bus.");

function checkWebhook(session: Session, after: After): void {
  const url = after("url");
  if (typeof url !== "string" || !URL.canParse(url) || !/^https?:/.test(url)) {
    throw invalidArgument("The webhook URL is not a valid absolute http or https URL.");
  }
  if (session.org.switches.webhookPorts !== "any" && !["", "80", "443"].includes(new URL(url).port)) {
    throw invalidArgument("The webhook URL may only use port 80 or 443.");
  }
  if (after("authtype") === null) throw requiredFieldMissing("The authtype of a webhook is required.");
  if (![4, 5, 6].includes(Number(after("authtype"))))
    throw invalidArgument("The authtype of a webhook must be 4, 5 or 6.");
}

const filled = (after: After, name: string): string => {
  const value = after(name);
  if (typeof value !== "string" || value === "")
    throw requiredFieldMissing(`The ${name} of a Service Bus endpoint is required.`);
  return value;
};

function checkNamespace(after: After): void {
  const namespace = filled(after, "solutionnamespace");
  switch (after("namespaceformat")) {
    case 1:
      if (!/^[a-z][a-z0-9-]*$/i.test(namespace))
        throw invalidArgument("The solutionnamespace is not the name of a Service Bus namespace.");
      return;
    case 2:
      if (!/^sb:\/\/[a-z0-9.[\]:-]+\/?$/i.test(filled(after, "namespaceaddress")))
        throw invalidArgument("The namespaceaddress must look like sb://name.servicebus.windows.net/.");
      return;
    default:
      throw requiredFieldMissing("The namespaceformat of a Service Bus endpoint must be 1 (name) or 2 (address).");
  }
}

function checkBus(session: Session, after: After): void {
  if (!session.org.world.sendToBus) throw notImitated("Service Bus endpoints in a world that has no bus");
  const authtype = after("authtype");
  if ([4, 5, 6].includes(Number(authtype)))
    throw invalidArgument("The authtype of a Service Bus endpoint cannot be one of a webhook.");
  if (authtype === null) throw requiredFieldMissing("The authtype of a Service Bus endpoint is required.");
  if (authtype !== 2) throw notImitated("Service Bus endpoints with another authtype than 2 (SAS key)");
  if (after("messageformat") !== 2)
    throw notImitated("Service Bus endpoints with another messageformat than 2 (Json); 1 (Binary XML) is the default");
  checkNamespace(after);
  filled(after, "path");
  for (const name of ["saskeyname", "saskey"]) {
    if (/[;\s]/.test(filled(after, name))) throw invalidArgument(`The ${name} is not valid.`);
  }
  const id = after("serviceendpointid");
  const steps = session.org.database.rows("sdkmessageprocessingstep");
  for (const step of steps.referencing("eventhandler", String(id)) ?? []) {
    if (steps.get(step)?.mode === 0) throw syncOnBus();
  }
}

/** The rule of the table serviceendpoint. */
export const checkEndpoint: TableRule = (session, values, after) => {
  const contract = Number(after("contract"));
  if (contract === 8) checkWebhook(session, after);
  else if (BUS_CONTRACTS.has(contract)) checkBus(session, after);
  else throw notImitated(`service endpoints of contract ${contract} (${NAMES[contract] ?? "unknown"})`);
  for (const name of ["authvalue", "saskey"]) {
    if (values.has(name)) values.set(`is${name}set`, values.get(name) !== null);
  }
};
