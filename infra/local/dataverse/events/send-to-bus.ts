// One attempt to put a message into a Service Bus queue or topic; facts/dataverse.md §2. Waiting and trying again is in deliver.ts.
import type { BusMessage, BusTarget } from "../../sim/types.js";
import type { Row } from "../store/row-store.js";
import type { DeliveryParts, Outcome } from "./outcome.js";

/** Contracts whose endpoints post to a Service Bus entity: Topic and Queue (Persistent). */
export const BUS_CONTRACTS: ReadonlySet<number> = new Set([5, 6]);

/** Whether an endpoint is a Service Bus one. */
export const isBusEndpoint = (endpoint: Row | undefined): boolean => BUS_CONTRACTS.has(Number(endpoint?.contract));

/** Where an endpoint sends: the address, or the public one of a namespace given by name. */
export const toBusTarget = (endpoint: Row): BusTarget => ({
  namespaceUrl:
    endpoint.namespaceformat === 1
      ? `sb://${String(endpoint.solutionnamespace)}.servicebus.windows.net/`
      : String(endpoint.namespaceaddress),
  entity: String(endpoint.path),
  keyName: String(endpoint.saskeyname),
  key: String(endpoint.saskey),
});

/** Sends with the endpoint as it is now, so that a corrected key or path helps what is waiting. */
export async function sendToBus(
  { database, world }: DeliveryParts,
  endpointId: string,
  message: BusMessage,
): Promise<Outcome> {
  const endpoint = database.rows("serviceendpoint").get(endpointId);
  if (!endpoint || !isBusEndpoint(endpoint) || !world.sendToBus)
    return { answers: [], reason: "The service endpoint does not exist any more." };
  const outcome = await world.sendToBus(toBusTarget(endpoint), message);
  const answers = [outcome];
  if (outcome === "sent") return { answers };
  const what = outcome === "refused" ? "was refused by the Service Bus" : "did not reach the Service Bus";
  return { answers, reason: `The message to '${String(endpoint.path)}' ${what}.` };
}
