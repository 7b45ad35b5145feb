// The broker as one piece: queues, their journal if wanted, and the AMQP port. The HTTP side is in admin/.
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { BusCore, Peer } from "./amqp/peer.js";
import { parseAddress } from "./amqp/peer.js";
import { makeContainer, serveConnection } from "./amqp/serve-connection.js";
import { type Calls, makeCalls } from "./calls/calls.js";
import { type Clock, realClock } from "./core/clock.js";
import { makeQueue, type Queue } from "./core/queue.js";
import { parseQueues, type QueueSettings } from "./core/queue-options.js";
import { noRecorder, type Recorder } from "./core/recorder.js";
import { type Journal, openJournal } from "./journal/journal.js";
import type { KeptQueue } from "./journal/records.js";
import { restoreQueues, snapshotOf } from "./journal/restore.js";

/** How to start a broker. */
export interface BrokerOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly queues: readonly QueueSettings[];
  readonly clock?: Clock;
  /** Directory to keep messages in; absent: in memory only. */
  readonly dataDirectory?: string | undefined;
  /** Decides which operations faults with a rate strike, and latency given as a span. */
  readonly seed?: number;
  /** Takes lines about connections that were ended for cause; absent: silent. */
  readonly log?: (line: string) => void;
  /** Called when the data directory cannot be written any more. */
  readonly onBroken?: (error: unknown) => void;
}

/** A broker that listens on 127.0.0.1. */
export interface Broker {
  readonly port: number;
  /** For an unmodified Service Bus client. */
  readonly connectionString: string;
  readonly faults: Calls["faults"];
  /** Real latency per operation and queue; none at the start. */
  readonly latency: Calls["latency"];
  /** What clients asked for, and what became of it. */
  readonly log: Calls["log"];
  /** The queues as they are now; `reset` replaces them. */
  queues(): readonly Queue[];
  /** Ends every client's connection as a pulled cable would. */
  dropConnections(): void;
  /** Makes the clock clients get to see go wrong by so much: times of locks and enqueuing, and what is due when. */
  setSkew(ms: number): void;
  /** Empties everything, puts faults, latency, log and clock as at the start, and drops all connections. */
  reset(): void;
  close(): Promise<void>;
}

/** The connection string of a broker on this machine. */
export function localConnectionString(port: number): string {
  return `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=local;SharedAccessKey=local;UseDevelopmentEmulator=true;`;
}

/** Starts a broker; throws when the queues are not well described or the port is taken. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const clock = options.clock ?? realClock;
  const queueOptions = parseQueues(options.queues);
  const calls = makeCalls(clock, options.seed ?? 1);
  let skewMs = 0;
  const peers = new Set<Peer>();

  // The port first: whoever has it also has the data directory.
  const server = createServer({ noDelay: true });
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");
  const { journal, kept } = openData(options, server);

  let retire = (): void => {};
  const makeQueues = (): Map<string, Queue> => {
    const { recorder, stop } = stoppable(journal?.recorder ?? noRecorder);
    retire = stop;
    return new Map(queueOptions.map((queue) => [queue.name.toLowerCase(), makeQueue(queue, clock, recorder)]));
  };

  let queues = makeQueues();
  try {
    restoreQueues(queues, kept);
  } catch (error) {
    server.close();
    throw error;
  }
  journal?.setSnapshot(() => snapshotOf(queues.values()));
  journal?.compact();

  const bus: BusCore = {
    clock,
    calls,
    skewMs: () => skewMs,
    log: options.log ?? (() => {}),
    find(address) {
      const { name, dead } = parseAddress(address);
      const queue = queues.get(name);
      return queue && { queue, store: dead ? queue.dead : queue.main };
    },
  };

  const container = makeContainer();
  server.on("connection", (socket) => {
    socket.on("error", () => socket.destroy());
    const peer = serveConnection(container, socket, bus);
    peers.add(peer);
    socket.on("close", () => peers.delete(peer));
  });

  const dropConnections = (): void => {
    for (const peer of [...peers]) peer.cut();
  };

  const { port } = server.address() as AddressInfo;
  return {
    port,
    connectionString: localConnectionString(port),
    faults: calls.faults,
    latency: calls.latency,
    log: calls.log,
    queues: () => [...queues.values()],
    dropConnections,
    setSkew(ms) {
      skewMs = ms;
    },
    reset() {
      dropConnections();
      retire();
      queues = makeQueues();
      calls.reset();
      skewMs = 0;
      journal?.compact();
    },
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      dropConnections();
      await closed;
      retire();
      journal?.close();
    },
  };
}

const openData = (
  { dataDirectory, onBroken }: BrokerOptions,
  server: Server,
): { journal: Journal | undefined; kept: ReadonlyMap<string, KeptQueue> } => {
  if (dataDirectory === undefined) return { journal: undefined, kept: new Map() };
  try {
    return openJournal(dataDirectory, onBroken ?? (() => {}));
  } catch (error) {
    server.close();
    throw error;
  }
};

/** A recorder that can be told to keep nothing more: queues that were replaced still have timers. */
const stoppable = (recorder: Recorder): { recorder: Recorder; stop: () => void } => {
  let target = recorder;
  return {
    recorder: {
      put: (...args) => target.put(...args),
      drop: (...args) => target.drop(...args),
      seen: (...args) => target.seen(...args),
      sessionState: (...args) => target.sessionState(...args),
      commit: () => target.commit(),
    },
    stop: () => {
      target = noRecorder;
    },
  };
};
