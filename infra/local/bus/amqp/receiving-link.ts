// A link on which a client receives: credit, deliveries, drain; with a session or without.
import rhea, { type Sender } from "rhea";
import type { Call } from "../calls/calls.js";
import type { Consumer, LockHandle } from "../core/consumer.js";
import type { Message } from "../core/message.js";
import type { Grant, Holder } from "../core/sessions.js";
import { noFreeSession, notAllowed, sessionHeld, sessionLockLost } from "./failures.js";
import { encodeMessage } from "./message-codec.js";
import { type BusCore, type Entity, nameOf, type Peer } from "./peer.js";
import { makeTurns } from "./perform.js";
import {
  type AmqpFailure,
  answerAttach,
  type CreditMeter,
  forgetDelivery,
  isAttached,
  meterCredit,
  oldestDelivery,
  roomForDeliveries,
  sendSettled,
  setAttachField,
  withholdAttach,
} from "./rhea-internals.js";
import { serveSettlement } from "./settlement.js";

const { types } = rhea;

const sessionFilter = "com.microsoft:session-filter";
const defaultTimeoutMs = 60_000;
const settledSendMode = 1;

interface ConsumerParts {
  readonly link: Sender;
  readonly entity: Entity;
  readonly bus: BusCore;
  readonly peer: Peer;
  readonly meter: CreditMeter;
  /** Ends the lock of a delivered message, or of its whole session, as if its time were over. */
  loseLock(token: string): void;
}

const makeConsumer = ({ link, entity: { store }, bus, peer, meter, loseLock }: ConsumerParts): Consumer => {
  const mode = link.snd_settle_mode === settledSendMode ? "receiveAndDelete" : "peekLock";
  const emptyTag = Buffer.alloc(0);
  const queue = nameOf(store);
  const turns = makeTurns(bus.clock, peer.fail);
  /** Handed out, not yet given to rhea. */
  let underway = 0;

  /** A delivery nobody settles would hold its place for ever; once its lock is lost nothing is lost by forgetting it. */
  const hasRoom = (): boolean => {
    if (roomForDeliveries(link) > underway) return true;
    const oldest = oldestDelivery(link);
    if (oldest !== undefined && store.locked(Buffer.from(oldest.tag as Buffer).toString("hex")) === undefined) {
      forgetDelivery(oldest);
    }
    return false;
  };

  /** What cannot be written any more is as lost as it is on any network: its lock has to run out. */
  const write = (encoded: Buffer, lock: LockHandle | undefined, { fate, end }: Call): void => {
    // Without room rhea would throw; other links of the same AMQP session may have taken it meanwhile.
    if (fate.reset || roomForDeliveries(link) <= 0) peer.cut();
    if (!peer.isConnected() || !link.is_open()) {
      end("none");
      return;
    }
    const delivery = link.send(encoded, lock === undefined ? emptyTag : Buffer.from(lock.token, "hex"), 0);
    if (mode === "receiveAndDelete") sendSettled(delivery);
    end("ok");
    if (fate.lost) setImmediate(() => peer.cut());
    if (fate.lockLostMs !== undefined && lock !== undefined) {
      bus.clock.later(fate.lockLostMs, () => loseLock(lock.token));
    }
  };

  return {
    mode,
    credit: () => (peer.isConnected() && isAttached(link) && hasRoom() ? meter.available() : 0),
    deliver(message: Message, lock: LockHandle | undefined) {
      const encoded = encodeMessage(message, { lockedUntil: lock?.lockedUntil, skewMs: bus.skewMs() });
      const call = bus.calls.begin("deliver", queue, peer.client);
      meter.spend();
      underway += 1;
      turns(call.waitMs + call.answerMs, () => {
        underway -= 1;
        write(encoded, lock, call);
      });
    },
  };
};

const serveFlow = (link: Sender, meter: CreditMeter, wake: () => void): void => {
  const drain = (): void => {
    if (!link.is_open()) return;
    // The drain's answer must not overtake messages that wait to be written.
    if (meter.isWriting()) setTimeout(drain, 1).unref();
    else meter.answerDrain();
  };
  // Some clients give credit with the attach itself.
  link.on("sender_flow", () => (isAttached(link) ? wake() : setImmediate(wake)));
  link.on("sendable", wake);
  link.on("sender_draining", () => setImmediate(drain));
};

/** .NET ticks as the client insists on them: eight bytes, since the number is beyond what JavaScript counts exactly. */
const ticks = (instant: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(621_355_968_000_000_000n + BigInt(Math.round(instant)) * 10_000n);
  return bytes;
};

/** To be called once when it is known whether the client may receive; a failure ends the link. */
export type Attached = (failure?: AmqpFailure) => void;

/** Serves a client that receives from a queue; answers what to do when the link is gone, however it went. */
export function serveReceivingLink(
  link: Sender,
  entity: Entity,
  bus: BusCore,
  peer: Peer,
  attached: Attached,
): () => void {
  const filter = link.source.filter;
  const wantsSession = filter !== undefined && filter !== null && sessionFilter in filter;
  const { name, requiresSession } = entity.queue.options;
  if (wantsSession && entity.store.sessions !== undefined) {
    return serveSessionLink(link, entity, bus, peer, attached, filter[sessionFilter]);
  }
  if (wantsSession) {
    attached(notAllowed(`A session receiver cannot be created on '${link.source.address}': it has no sessions.`));
    return () => {};
  }
  if (requiresSession && !entity.store.shelf.dead) {
    attached(
      notAllowed(
        `It is not possible for an entity that requires sessions, '${name}', to create a non-sessionful message receiver.`,
      ),
    );
    return () => {};
  }
  attached();
  return servePlainLink(link, entity, bus, peer);
}

const servePlainLink = (link: Sender, entity: Entity, bus: BusCore, peer: Peer): (() => void) => {
  const meter = meterCredit(link);
  const attachment = entity.store.attach(
    makeConsumer({ link, entity, bus, peer, meter, loseLock: entity.store.loseLock }),
  );
  serveFlow(link, meter, attachment.wake);
  serveSettlement(link, entity.store, bus, peer, () => true);
  // Locks stay when the link goes: they run out by themselves.
  return attachment.detach;
};

const serveSessionLink = (
  link: Sender,
  entity: Entity,
  bus: BusCore,
  peer: Peer,
  attached: Attached,
  wanted: unknown,
): (() => void) => {
  const { store } = entity;
  const sessions = store.sessions;
  if (sessions === undefined) return () => {};
  const meter = meterCredit(link);
  let grant: Grant | undefined;
  let cancelWait = (): void => {};

  const isHeld = (): boolean => grant !== undefined && sessions.held(grant.session.id) === grant;

  const holder: Holder = {
    ...makeConsumer({ link, entity, bus, peer, meter, loseLock: () => grant && store.loseSession(grant) }),
    lost: () => link.close({ ...sessionLockLost }),
  };

  const begin = (given: Grant): void => {
    grant = given;
    link.set_source({ address: link.source.address, filter: { [sessionFilter]: given.session.id } });
    const lockedUntil = ticks(given.lockedUntil + bus.skewMs());
    setAttachField(link, "properties", { "com.microsoft:locked-until-utc": types.wrap_long(lockedUntil) });
    serveFlow(link, meter, () => {
      if (isHeld()) store.wakeSession(given.session);
    });
    serveSettlement(link, store, bus, peer, isHeld);
    answerAttach(link);
    attached();
  };

  if (typeof wanted === "string") {
    const given = sessions.accept(wanted, holder);
    if (given === undefined) attached(sessionHeld(wanted));
    else begin(given);
  } else {
    withholdAttach(link);
    const timeoutMs = Number(link.properties?.["com.microsoft:timeout"] ?? defaultTimeoutMs);
    cancelWait = sessions.acceptNext({
      holder,
      timeoutMs: Number.isFinite(timeoutMs) ? timeoutMs : defaultTimeoutMs,
      granted: begin,
      timedOut: () => {
        link.set_source({ address: link.source.address });
        attached(noFreeSession);
      },
    });
  }

  return () => {
    cancelWait();
    if (grant !== undefined) store.releaseSession(grant);
  };
};
