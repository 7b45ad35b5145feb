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
import { type BusCore, type Entity, nameAt, type Peer } from "./peer.js";
import { makeTurns } from "./perform.js";
import { type Attached, serveReceivingLink } from "./receiving-link.js";
import { makeReplyLinks, serveRequests } from "./request-response.js";
import {
  type AmqpFailure,
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
  const peer: Peer = {
    client: `${socket.remoteAddress}:${socket.remotePort}`,
    isConnected: () => !socket.destroyed,
    cut: () => void socket.destroy(),
    fail(error) {
      bus.log(`A connection was ended: ${error instanceof Error ? error.message : String(error)}`);
      peer.cut();
    },
  };
  const connection: Connection = acceptSocket(container, socket, peer.fail);
  const replies = makeReplyLinks();
  const cleanups = new Map<Sender | Receiver, () => void>();
  const respondToTokens = makeTokenResponder(bus, peer);

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

  /** Lets a link to a queue be served, as faults and latency want it; `serve` answers what to do when the link is gone. */
  const attach = (link: Sender | Receiver, address: string, serve: (attached: Attached) => () => void): void => {
    const { fate, waitMs, answerMs, end } = bus.calls.begin("attach", nameAt(bus, address), peer.client);

    const attached: Attached = (failure) => {
      if (fate.lost) {
        peer.cut();
        end("none");
        return;
      }
      if (failure !== undefined) refuseLink(link, failure);
      end(failure?.condition ?? "ok");
    };

    const run = (): void => {
      if (fate.reset) {
        peer.cut();
        end("none");
      } else if (fate.answer) {
        attached(fate.answer);
      } else {
        const cleanup = serve(attached);
        cleanups.set(link, () => {
          cleanup();
          end("none");
        });
      }
    };

    if (waitMs + answerMs <= 0) {
      run();
      return;
    }
    withholdAttach(link);
    makeTurns(bus.clock, peer.fail)(waitMs + answerMs, () => {
      if (!peer.isConnected() || !link.is_remote_open()) {
        end("none");
        return;
      }
      answerAttach(link);
      run();
    });
  };

  const refuse = (link: Sender | Receiver, address: string, failure: AmqpFailure): void =>
    attach(link, address, (attached) => {
      attached(failure);
      return () => {};
    });

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
    if (node === undefined) refuse(link, address, noSuchQueue(address));
    else if (node.kind !== "queue") serveReplies(link);
    else {
      attach(link, address, (attached) => serveReceivingLink(link, node.entity, bus, peer, attached));
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
    if (node === undefined) refuse(link, address, noSuchQueue(address));
    else if (node.kind === "tokens") serveRequests(link, address, replies, respondToTokens);
    else if (node.kind === "management") {
      serveRequests(link, address, replies, makeManagementResponder(node.entity, bus, peer));
    } else if (node.entity.store.shelf.dead) {
      refuse(link, address, notAllowed("Messages cannot be sent to a dead-letter queue."));
    } else {
      attach(link, address, (attached) => {
        serveSendingLink(link, node.entity, bus, peer);
        attached();
        return () => {};
      });
    }
  };

  const onLinkClose = (link: Sender | Receiver): void => {
    forget(link);
    endWithheld(link);
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
  connection.on("sender_close", ({ sender }: EventContext) => sender && onLinkClose(sender));
  connection.on("receiver_close", ({ receiver }: EventContext) => receiver && onLinkClose(receiver));
  connection.on("session_close", ({ session }: EventContext) => session && forgetSession(session));
  connection.on("connection_close", forgetAll);
  connection.on("disconnected", forgetAll);
  connection.on("protocol_error", peer.fail);
  connection.on("error", peer.fail);
  socket.on("close", () => {
    forgetSocket(connection);
    forgetAll();
  });
  return peer;
}
