// Everything the broker needs of rhea that rhea does not offer. The only file that touches its insides: rhea is pinned, and an
// upgrade has to be checked here (facts/azure-local.md §1, "rhea server pitfalls").
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import rhea, {
  type Connection,
  type Container,
  type Delivery,
  type Receiver,
  type Sender,
  type Session,
  type Typed,
} from "rhea";

/** Reads AMQP values one after the other. */
export interface AmqpReader {
  position: number;
  read(): Typed;
  remaining(): number;
}

/** Writes AMQP values one after the other. */
export interface AmqpWriter {
  write(value: Typed): void;
  write_bytes(bytes: Buffer): void;
  toBuffer(): Buffer;
}

interface TypesInternals {
  Reader: new (buffer: Buffer) => AmqpReader;
  Writer: new () => AmqpWriter;
  List32(items: Typed[]): Typed;
  Map32(items: Typed[]): Typed;
}

interface LinkState {
  state: { local_open: boolean; open_requests: number };
  local: { attach: Record<string, unknown> };
  remote: { attach?: { target?: { address?: string } } };
  credit: number;
  delivery_count: number;
  _draining: boolean;
  _drained: boolean;
  _get_drain(): boolean;
}

interface SessionState {
  outgoing: { deliveries: { available(): number; get_head(): Delivery | undefined } };
  output(frame: unknown): void;
  on_transfer(frame: { performative: { message_format?: number | null } }): void;
}

interface ConnectionState {
  accept(socket: Socket): void;
  _process(): void;
  _register(): void;
  _disconnected(): void;
}

const frames = createRequire(import.meta.url)("rhea/lib/frames.js") as {
  disposition(fields: { role: boolean; first: number; last: number; state: Typed; settled: boolean }): unknown;
};

const linkState = (link: object): LinkState => link as unknown as LinkState;
const typesInternals = rhea.types as unknown as TypesInternals;

/** A reader over encoded AMQP values. */
export const makeReader = (buffer: Buffer): AmqpReader => new typesInternals.Reader(buffer);
/** A growing writer of AMQP values. */
export const makeWriter = (): AmqpWriter => new typesInternals.Writer();
/** A list of already typed items, whatever its size. */
export const typedList = (items: Typed[]): Typed => typesInternals.List32(items);
/** A map of already typed keys and values in turn, whatever its size. */
export const typedMap = (items: Typed[]): Typed => typesInternals.Map32(items);
/** Marks a value as a described one, e.g. a message section. */
export const describe = (descriptor: number, value: Typed): Typed =>
  rhea.types.described_nc(rhea.types.wrap_ulong(descriptor), value) as Typed;

/** What rhea calls a plain message once `keepMessagesRaw` has made it hand over the bytes. */
const rawPlainFormat = 1;
/** A batch: an envelope whose data sections are messages. */
export const batchFormat = 0x80013700;

/**
 * Makes rhea hand over every message of a session as bytes. It decodes plain ones by itself, losing the exact AMQP types of
 * numbers; bytes are kept as they came.
 */
export function keepMessagesRaw(session: Session): void {
  const internals = session as unknown as SessionState;
  const onTransfer = internals.on_transfer;
  internals.on_transfer = (frame) => {
    if (!frame.performative.message_format) frame.performative.message_format = rawPlainFormat;
    onTransfer.call(session, frame);
  };
}

/** Serves one socket. `onFailure` gets what rhea throws outside its own guards, which would end the process otherwise. */
export function acceptSocket(container: Container, socket: Socket, onFailure: (error: unknown) => void): Connection {
  const connection = container.create_connection({
    max_frame_size: 65_536,
    tcp_no_delay: true,
    session_buffer_size: { incoming: 2048, outgoing: 65_536 },
    sender_options: { autosettle: false, treat_modified_as_released: false },
    receiver_options: { autoaccept: false, autosettle: false, credit_window: 1000 },
  } as never);
  const internals = connection as unknown as ConnectionState;
  const run = internals._process;
  internals._process = () => {
    try {
      run.call(connection);
    } catch (error) {
      onFailure(error);
    }
  };
  internals.accept(socket);
  return connection;
}

/** Tells rhea that the socket is gone: it does not notice a socket destroyed on this side, and its timers would go on. */
export function forgetSocket(connection: Connection): void {
  (connection as unknown as ConnectionState)._disconnected();
}

const withheld = new WeakSet<object>();

/** Takes back the attach that rhea is about to answer, until `answerAttach`. */
export function withholdAttach(link: Sender | Receiver): void {
  const { state } = linkState(link);
  if (!state.local_open) return;
  state.local_open = false;
  state.open_requests--;
  withheld.add(link);
}

/** Answers an attach that was withheld. */
export function answerAttach(link: Sender | Receiver): void {
  withheld.delete(link);
  link.open();
}

/** Whether the attach is on the wire. rhea writes messages before attaches, so nothing may be sent on a link until then. */
export function isAttached(link: Sender): boolean {
  return link.is_open() && linkState(link).state.open_requests === 0;
}

/** Ends a link with an error, attached first if need be: clients expect the answer to their attach before its end. */
export function refuseLink(link: Sender | Receiver, { condition, description }: AmqpFailure): void {
  answerAttach(link);
  link.close({ condition, description });
}

/** Answers a client that gave up a link whose attach was withheld; rhea itself would never answer it. */
export function endWithheld(link: Sender | Receiver): void {
  if (!withheld.has(link)) return;
  answerAttach(link);
  link.close();
  setImmediate(() => link.remove());
}

/** Sets a field of the attach this side answers with, e.g. `max_message_size`. */
export function setAttachField(link: object, field: string, value: unknown): void {
  linkState(link).local.attach[field] = value;
}

/** How many more messages rhea may be given for this link's session before its table of open deliveries overflows. */
export function roomForDeliveries(link: Sender): number {
  return (link.session as unknown as SessionState).outgoing.deliveries.available();
}

/** The oldest delivery of the link's session that is not over yet. */
export function oldestDelivery(link: Sender): Delivery | undefined {
  return (link.session as unknown as SessionState).outgoing.deliveries.get_head();
}

/**
 * Tells the client the outcome of a delivery of either direction, settles it and lets rhea forget it. rhea's own `update` joins
 * two neighbours of different outcome into one frame when they are settled in the same turn: the second gets the first's.
 */
export function finishDelivery(delivery: Delivery, state: Typed): void {
  const { link, id } = delivery;
  const session = link.session as unknown as SessionState;
  const role = link.is_receiver();
  if (link.is_remote_open()) session.output(frames.disposition({ role, first: id, last: id, state, settled: true }));
  forgetDelivery(delivery);
}

/** Lets rhea forget a delivery without a word to the client: both flags, or its table fills up. */
export function forgetDelivery(delivery: Delivery): void {
  const internals = delivery as { settled: boolean; remote_settled: boolean };
  internals.settled = true;
  internals.remote_settled = true;
  (delivery.link.connection as unknown as ConnectionState)._register();
}

/** Makes a delivery that was just sent go out as already settled. */
export function sendSettled(delivery: Delivery): void {
  (delivery as { settled: boolean }).settled = true;
}

/**
 * Exact credit of a link to a client. rhea counts a message only when its frame is written, so its own number is too high while
 * messages are queued.
 */
export interface CreditMeter {
  available(): number;
  /** To be called once per message given to rhea. */
  spend(): void;
  /** True while messages given to rhea are not on the wire. */
  isWriting(): boolean;
  /** Gives the rest of the credit back to a draining client, after what is queued. */
  answerDrain(): void;
}

/** Watches the credit of a link, and makes it answer a drain even when the last credit was used a moment before. */
export function meterCredit(link: Sender): CreditMeter {
  const internals = linkState(link);
  let spent = 0;
  internals._get_drain = () => {
    if (!internals._draining || !internals._drained) return false;
    spent += internals.credit;
    internals.delivery_count += internals.credit;
    internals.credit = 0;
    internals._draining = false;
    return true;
  };
  return {
    available: () => internals.delivery_count + internals.credit - spent,
    spend: () => void spent++,
    isWriting: () => spent > internals.delivery_count,
    answerDrain() {
      link.set_drained(true);
      (link.connection as unknown as ConnectionState)._register();
    },
  };
}

interface Outcomes {
  accepted(): { described(): Typed };
  rejected(fields: { error: AmqpFailure }): { described(): Typed };
}

/** An AMQP error: a condition the client maps to its own codes, and a text. */
export interface AmqpFailure {
  readonly condition: string;
  readonly description: string;
}

const outcomes = rhea.message as unknown as Outcomes;

/** The outcome "accepted". */
export const accepted = (): Typed => outcomes.accepted().described();
/** The outcome "rejected" with its reason. */
export const rejected = (error: AmqpFailure): Typed => outcomes.rejected({ error }).described();
