// Dispositions of a client on messages it received over a link, and their answers.
import type { Delivery, Sender } from "rhea";
import type { Outcome } from "../core/contents.js";
import type { Store } from "../core/store.js";
import { messageLockLost, notAllowed, sessionLockLost } from "./failures.js";
import { mergeApplicationProperties } from "./message-codec.js";
import { type BusCore, nameOf, type Peer } from "./peer.js";
import { makeRoad, perform } from "./perform.js";
import { type AmqpFailure, accepted, finishDelivery, forgetDelivery, rejected } from "./rhea-internals.js";

type Properties = Readonly<Record<string, unknown>>;

interface Disposition {
  readonly undeliverable_here?: boolean;
  readonly message_annotations?: Properties;
  readonly error?: { readonly description?: string; readonly info?: Properties };
}

const isObject = (value: unknown): value is Properties => typeof value === "object" && value !== null;

const text = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : String(value);

/** Dead-lettering with a reason, a description and changes of application properties, any of which may be missing. */
export function deadLetterOutcome(reason: unknown, description: unknown, changes: unknown): Outcome {
  return { kind: "dead-letter", reason: text(reason), description: text(description), ...modifying(changes) };
}

/** Abandoning or deferring with changes of application properties. */
export function givingBackOutcome(kind: "abandon" | "defer", changes: unknown): Outcome {
  return { kind, ...modifying(changes) };
}

const modifying = (changes: unknown): Pick<Extract<Outcome, { kind: "abandon" | "defer" }>, "modify"> =>
  isObject(changes) ? { modify: (content) => mergeApplicationProperties(content, changes) } : {};

const rejectedOutcome = ({ error }: Disposition): Outcome => {
  const { DeadLetterReason, DeadLetterErrorDescription, ...changes } = error?.info ?? {};
  return deadLetterOutcome(DeadLetterReason, DeadLetterErrorDescription ?? error?.description, changes);
};

const modifiedOutcome = (disposition: Disposition): Outcome =>
  givingBackOutcome(disposition.undeliverable_here ? "defer" : "abandon", disposition.message_annotations);

/** Why a lock is not in force, told in the terms of the queue. */
export const lockLost = (store: Store, sessionIsHeld: boolean): AmqpFailure =>
  store.sessions !== undefined && !sessionIsHeld ? sessionLockLost : messageLockLost;

/** Settles one message; answers why it could not. */
export function settle(store: Store, token: string, outcome: Outcome, sessionIsHeld: boolean): AmqpFailure | undefined {
  if (outcome.kind === "dead-letter" && store.shelf.dead) {
    return notAllowed("A message of a dead-letter queue cannot be dead-lettered again.");
  }
  return store.settle(token, outcome) ? undefined : lockLost(store, sessionIsHeld);
}

const tokenOf = (delivery: Delivery): string => Buffer.from(delivery.tag as Buffer).toString("hex");

const dispositionOf = (delivery: Delivery): Disposition => (delivery.remote_state ?? {}) as Disposition;

/** Answers the client's dispositions on `link`; `sessionIsHeld` tells whether the link's session lock is still in force. */
export function serveSettlement(
  link: Sender,
  store: Store,
  bus: BusCore,
  peer: Peer,
  sessionIsHeld: () => boolean,
): void {
  const road = makeRoad(bus, peer);

  const answer = (delivery: Delivery, failure: AmqpFailure | undefined): void => {
    // A client that settled by itself does not wait for an answer.
    if (delivery.remote_settled) forgetDelivery(delivery);
    else finishDelivery(delivery, failure === undefined ? accepted() : rejected(failure));
  };

  const on = (event: string, toOutcome: (disposition: Disposition) => Outcome): void => {
    link.on(event, ({ delivery }: { delivery: Delivery }) => {
      perform(bus, peer, road, {
        operation: "settle",
        queue: nameOf(store),
        work: () => settle(store, tokenOf(delivery), toOutcome(dispositionOf(delivery)), sessionIsHeld()),
        answer: (failure) => answer(delivery, failure),
      });
    });
  };

  on("accepted", () => ({ kind: "complete" }));
  on("released", () => ({ kind: "release" }));
  on("modified", modifiedOutcome);
  on("rejected", rejectedOutcome);
}
