// One client connection: which link is served by what, and what happens when links, sessions or the socket go.
import type { Socket } from "node:net";
import rhea, {
  type Connection,
  type Container,
  type EventContext,
  type Receiver,
  type Sender,
  type Session,
} from "rhea";
import { makeTokenResponder } from "./cbs.js";
import { noSuchQueue, notAllowed, notImitated } from "./failures.js";
import { makeManagementResponder } from "./management.js";
import type { BusCore, Entity, Peer } from "./peer.js";
import { serveReceivingLink } from "./receiving-link.js";
import { makeReplyLinks, serveRequests } from "./request-response.js";
import {
  acceptSocket,
  answerAttach,
  endWithheld,
  forgetSocket,
  keepMessagesRaw,
  refuseLink,
  setAttachField,
  withholdAttach,
} from "./rhea-internals.js";
import { serveSendingLink } from "./sending-link.js";

const managementSuffix = /\/\$management$/i;

/** What an address names. */
type Node = { readonly kind: "tokens" } | { readonly kind: "management" | "queue"; readonly entity: Entity };

/** Makes the AMQP container all connections share. It swallows what rhea reports about connections that are gone. */
export function makeContainer(): Container {
  const container = rhea.create_container({ id: "local-service-bus" });
  const quiet = ["error", "connection_error", "connection_close", "protocol_error", "disconnected"];
  const quietToo = ["session_error", "session_close", "sender_error", "receiver_error", "settled"];
  for (const event of [...quiet, ...quietToo]) container.on(event, () => {});
  return container;
}

/** Serves one client until its socket closes. */
export function serveConnection(container: Container, socket: Socket, bus: BusCore): Peer {
  const peer: Peer = { cut: () => void socket.destroy() };
  const endAfter = (error: unknown): void => {
    bus.log(`A connection was ended: ${error instanceof Error ? error.message : String(error)}`);
    peer.cut();
  };
  const connection: Connection = acceptSocket(container, socket, endAfter);
  const replies = makeReplyLinks();
  const cleanups = new Map<Sender | Receiver, () => void>();
  const respondToTokens = makeTokenResponder(bus);

  const nodeAt = (address: string): Node | undefined => {
    if (address.toLowerCase() === "$cbs") return { kind: "tokens" };
    const entity = bus.find(address.replace(managementSuffix, ""));
    return entity && { kind: managementSuffix.test(address) ? "management" : "queue", entity };
  };

  const forget = (link: Sender | Receiver): void => {
    const cleanup = cleanups.get(link);
    cleanups.delete(link);
    cleanup?.();
  };

  /** Runs `serve` now, after a fault's delay, or not at all. */
  const attach = (link: Sender | Receiver, queue: string, serve: () => void): void => {
    const fault = bus.faults.strike("attach", queue);
    if (fault?.kind === "drop-connection") peer.cut();
    else if (fault?.kind === "refuse") refuseLink(link, fault);
    else if (fault?.kind === "delay") {
      withholdAttach(link);
      bus.clock.later(fault.ms, () => {
        if (!link.is_remote_open()) return;
        answerAttach(link);
        serve();
      });
    } else serve();
  };

  const serveReplies = (link: Sender): void => {
    replies.add(link);
    cleanups.set(link, () => replies.remove(link));
  };

  /** The client receives: replies of a node, or messages of a queue. */
  const onSenderOpen = (link: Sender): void => {
    const address: unknown = link.source?.address;
    if (typeof address !== "string") {
      refuseLink(link, notImitated("receiving links without an address"));
      return;
    }
    link.set_source({ address });
    link.set_target({ address: link.target?.address });
    setAttachField(link, "snd_settle_mode", link.snd_settle_mode);
    setAttachField(link, "rcv_settle_mode", link.rcv_settle_mode);
    const node = nodeAt(address);
    if (node === undefined) refuseLink(link, noSuchQueue(address));
    else if (node.kind !== "queue") serveReplies(link);
    else {
      attach(link, node.entity.queue.options.name, () => {
        cleanups.set(link, serveReceivingLink(link, node.entity, bus, peer));
      });
    }
  };

  /** The client sends: requests to a node, or messages to a queue. */
  const onReceiverOpen = (link: Receiver): void => {
    const address: unknown = link.target?.address;
    if (typeof address !== "string") {
      refuseLink(link, notImitated("transactions and links without an address"));
      return;
    }
    link.set_source({ address: link.source?.address });
    link.set_target({ address });
    const node = nodeAt(address);
    if (node === undefined) refuseLink(link, noSuchQueue(address));
    else if (node.kind === "tokens") serveRequests(link, address, replies, respondToTokens);
    else if (node.kind === "management") {
      serveRequests(link, address, replies, makeManagementResponder(node.entity, bus, peer));
    } else if (node.entity.store.shelf.dead) {
      refuseLink(link, notAllowed("Messages cannot be sent to a dead-letter queue."));
    } else {
      attach(link, node.entity.queue.options.name, () => serveSendingLink(link, node.entity, bus, peer));
    }
  };

  const forgetSession = (session: Session): void => {
    for (const link of [...cleanups.keys()]) if (link.session === session) forget(link);
  };
  const forgetAll = (): void => {
    for (const link of [...cleanups.keys()]) forget(link);
  };

  connection.on("session_open", ({ session }: EventContext) => session && keepMessagesRaw(session));
  connection.on("sender_open", ({ sender }: EventContext) => sender && onSenderOpen(sender));
  connection.on("receiver_open", ({ receiver }: EventContext) => receiver && onReceiverOpen(receiver));
  connection.on("sender_close", ({ sender }: EventContext) => {
    if (sender === undefined) return;
    forget(sender);
    endWithheld(sender);
  });
  connection.on("session_close", ({ session }: EventContext) => session && forgetSession(session));
  connection.on("connection_close", forgetAll);
  connection.on("disconnected", forgetAll);
  connection.on("protocol_error", endAfter);
  connection.on("error", endAfter);
  socket.on("close", () => {
    forgetSocket(connection);
    forgetAll();
  });
  return peer;
}
