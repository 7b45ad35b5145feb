// The local broker inside the test process, with the queues that shared/messaging/queues.ts describes.

import { type Broker, startBroker } from "../../infra/local/bus/broker.js";
import { brokerQueues } from "../../infra/local/queues.js";

/** Starts a broker with every queue of the product, on `port` (0: a free one) of 127.0.0.1. */
export function startTestBroker(port = 0): Promise<Broker> {
  return startBroker({ port, queues: brokerQueues() });
}
