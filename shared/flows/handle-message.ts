// One message of queue `changes`: a record, or a bundle of them. What becomes of each record is handle-change.ts.

import type { Envelope } from "../model/envelope.js";
import { parseMessage } from "../model/envelope.js";
import { type ChangeOutcome, handleChange } from "./handle-change.js";
import type { IngressPorts } from "./ports.js";

/** What became of one record of a message; `sentAlone`: it threw what only the platform can handle, as a message of its own. */
export interface Handled {
  envelope: Envelope;
  result: ChangeOutcome | { outcome: "sentAlone"; error: unknown };
}

/** Records of a bundle in hand: one is written while the next is made ready. */
const inHand = 2;
/** A bundle that takes longer makes way for what waits behind it. */
const bundleMs = 10_000;

/**
 * Handles a message; when it returns, the message may be completed. `onHandled` hears of every record as it is done, and is waited for. Throws MalformedError, and of a
 * message with one record what handleChange throws. The records of a bundle are prepared side by side, but no two calls of it go to Campaign at once.
 */
export async function handleMessage(
  ports: IngressPorts,
  body: unknown,
  onHandled: (handled: Handled) => void | Promise<void>,
): Promise<void> {
  const envelopes = parseMessage(body);
  const [only] = envelopes;
  if (only && envelopes.length === 1) {
    await onHandled({ envelope: only, result: await handleChange(ports, only) });
    return;
  }
  const own = { ...ports, ...oneAtATime(ports) };
  const makeWayAt = ports.clock.now() + bundleMs;
  const rest = [...envelopes];
  const worker = async (): Promise<void> => {
    while (rest.length > 0 && ports.clock.now() < makeWayAt) {
      const envelope = rest.shift();
      if (envelope) await onHandled({ envelope, result: await handleOne(own, envelope) });
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: inHand }, worker));
  const broken = workers.find((one) => one.status === "rejected");
  if (broken) throw broken.reason;
  if (rest.length > 0) await ports.queue.sendBundles([rest]);
}

/** One record's mistake must not use up the deliveries of its whole bundle. */
async function handleOne(ports: IngressPorts, envelope: Envelope): Promise<Handled["result"]> {
  try {
    return await handleChange(ports, envelope);
  } catch (error) {
    await ports.queue.send([{ ...envelope, nonce: `alone-${ports.clock.now()}` }]);
    return { outcome: "sentAlone", error };
  }
}

function oneAtATime({ campaign, optOuts }: IngressPorts): Pick<IngressPorts, "campaign" | "optOuts"> {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(call: () => Promise<T>): Promise<T> => {
    const run = last.then(call);
    last = run.catch(() => {});
    return run;
  };
  return {
    campaign: {
      insert: (...given) => inTurn(() => campaign.insert(...given)),
      update: (...given) => inTurn(() => campaign.update(...given)),
      remove: (...given) => inTurn(() => campaign.remove(...given)),
    },
    optOuts: {
      ...optOuts,
      campaign: {
        ...optOuts.campaign,
        read: (...given) => inTurn(() => optOuts.campaign.read(...given)),
        write: (...given) => inTurn(() => optOuts.campaign.write(...given)),
      },
    },
  };
}
