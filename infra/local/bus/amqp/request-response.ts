// Request and reply over a pair of links, as $cbs and $management use it. What is asked and answered is elsewhere.
import rhea, { type Delivery, type Receiver, type Sender, type Session } from "rhea";
import { accepted, finishDelivery, sendSettled } from "./rhea-internals.js";

/** A request as decoded: its body, its application properties, and what the reply has to refer to. */
export interface Request {
  readonly body?: unknown;
  readonly message_id?: string | number | Buffer;
  readonly reply_to?: string;
  readonly application_properties?: Readonly<Record<string, unknown>>;
}

/** What is sent back. */
export interface Reply {
  readonly body?: unknown;
  readonly application_properties: Readonly<Record<string, unknown>>;
}

/** Answers one request, now or later. */
export type Responder = (request: Request, reply: (answer: Reply) => void) => void;

/** The reply links of one connection, found by AMQP session and address. */
export interface ReplyLinks {
  add(link: Sender): void;
  remove(link: Sender): void;
  find(session: Session, address: string, replyTo: string | undefined): Sender | undefined;
}

/** Makes an empty set of reply links. */
export function makeReplyLinks(): ReplyLinks {
  const links = new Set<Sender>();
  return {
    add: (link) => void links.add(link),
    remove: (link) => void links.delete(link),
    find(session, address, replyTo) {
      const candidates = [...links].filter((link) => link.session === session && link.source.address === address);
      // The client's own name for the link decides between several; $cbs leaves it empty (facts/azure-local.md §1).
      return candidates.find((link) => link.target?.address === replyTo) ?? candidates[0];
    },
  };
}

const decodeRequest = (encoded: Buffer): Request | undefined => {
  try {
    return rhea.message.decode(encoded) as unknown as Request;
  } catch {
    return undefined;
  }
};

/** Answers the requests that come in on `link` over the reply link of the same session and address. */
export function serveRequests(link: Receiver, address: string, replies: ReplyLinks, respond: Responder): void {
  link.on("message", ({ message, delivery }: { message?: unknown; delivery?: Delivery }) => {
    if (!Buffer.isBuffer(message) || delivery === undefined) return;
    const request = decodeRequest(message);
    finishDelivery(delivery, accepted());
    if (request === undefined) return;
    respond(request, (answer) => {
      const replyLink = replies.find(link.session, address, request.reply_to);
      if (replyLink === undefined || !replyLink.is_open()) return;
      const encoded = rhea.message.encode({ ...answer, correlation_id: request.message_id });
      sendSettled(replyLink.send(encoded, undefined, 0));
    });
  });
}
