// The `/_sim/` side of every simulator: look, break, reset. What the real product answers is the core's business.
import { z } from "zod";
import type { FaultEngine } from "./fault-engine.js";
import { FaultSyntaxError, isHttpFault, parseFaults } from "./fault-schema.js";
import { type LatencyRules, latencySchema } from "./latency.js";
import type { RequestLog } from "./request-log.js";
import type { SimCore, SimRequest } from "./types.js";

/** What the admin routes work on. */
export interface AdminParts {
  name: string;
  core: SimCore;
  log: RequestLog;
  faults: FaultEngine;
  latency: { get(): LatencyRules; set(rules: LatencyRules): void };
  /** Undefined when the world has no clock to set. */
  setSkew?: ((ms: number) => void) | undefined;
  reset(): void | Promise<void>;
}

/** An answer of the admin side; `value` is sent as JSON, an iterator streamed as a JSON array. */
export interface AdminAnswer {
  status: number;
  value: unknown;
}

const PREFIX = "/_sim/";
const HELP =
  "GET /_sim/state/<set>, GET|DELETE /_sim/requests, GET|POST|DELETE /_sim/faults, GET|POST /_sim/latency, POST /_sim/clock, POST /_sim/reset, POST /_sim/<command>";

const refuse = (status: number, error: string): AdminAnswer => ({ status, value: { error } });

const parseBody = (body: string): unknown => (body.trim() === "" ? {} : JSON.parse(body));

/** Answers requests below `/_sim/`; undefined for every other path. Whatever is wrong with the request is a 400 with a message. */
export function makeAdmin(parts: AdminParts): (request: SimRequest) => Promise<AdminAnswer> | undefined {
  let added = 0;

  const addFaults = (body: unknown): AdminAnswer => {
    const ids: string[] = [];
    try {
      for (const fault of parseFaults(body)) {
        added += 1;
        const id = String(added);
        if (isHttpFault(fault)) parts.faults.add(id, fault);
        else if (parts.core.faults) parts.core.faults.add(id, fault);
        else throw new FaultSyntaxError(`on: ${parts.name} has no faults of kind "${fault.on}"; write "METHOD glob"`);
        ids.push(id);
      }
    } catch (error) {
      for (const id of ids) removeFaults(id);
      throw error;
    }
    return { status: 201, value: { ids } };
  };

  const removeFaults = (id: string | undefined): AdminAnswer => {
    const removed = parts.faults.remove(id) + (parts.core.faults?.remove(id) ?? 0);
    return { status: 200, value: { removed } };
  };

  const listRequests = (query: URLSearchParams): AdminAnswer => {
    const filter = z
      .object({ method: z.string(), path: z.string(), limit: z.coerce.number() })
      .partial()
      .parse(Object.fromEntries(query));
    return { status: 200, value: parts.log.summary(filter as Parameters<RequestLog["summary"]>[0]) };
  };

  const setLatency = (body: unknown): AdminAnswer => {
    const rules = latencySchema.parse(body);
    parts.latency.set(rules);
    return { status: 200, value: { latency: rules } };
  };

  const setClock = (body: unknown): AdminAnswer => {
    const { skewMs } = z.strictObject({ skewMs: z.number() }).parse(body);
    if (!parts.setSkew) return refuse(501, "the world of this simulator has no clock to set");
    parts.setSkew(skewMs);
    return { status: 200, value: { skewMs } };
  };

  const runCommand = async (name: string, body: unknown): Promise<AdminAnswer> => {
    const value = await parts.core.command?.(name, body);
    return value === undefined ? refuse(404, `no command "${name}"; there is ${HELP}`) : { status: 200, value };
  };

  const route = (request: SimRequest): AdminAnswer | Promise<AdminAnswer> => {
    const [name = "", rest] = request.path.slice(PREFIX.length).split("/").map(decodeURIComponent);
    switch (`${request.method} ${name}`) {
      case "GET state": {
        const value = parts.core.state(rest ?? "", request.query);
        return value === undefined ? refuse(404, `no set "${rest ?? ""}" in ${parts.name}`) : { status: 200, value };
      }
      case "GET requests":
        return listRequests(request.query);
      case "DELETE requests":
        parts.log.clear();
        return { status: 200, value: {} };
      case "GET faults":
        return { status: 200, value: [...parts.faults.list(), ...(parts.core.faults?.list() ?? [])] };
      case "POST faults":
        return addFaults(parseBody(request.body));
      case "DELETE faults":
        return removeFaults(rest);
      case "GET latency":
        return { status: 200, value: { latency: parts.latency.get() } };
      case "POST latency":
        return setLatency(parseBody(request.body));
      case "POST clock":
        return setClock(parseBody(request.body));
      case "POST reset":
        return Promise.resolve(parts.reset()).then(() => ({ status: 200, value: {} }));
      default:
        if (request.method === "POST" && name !== "") return runCommand(name, parseBody(request.body));
        return refuse(404, `there is ${HELP}`);
    }
  };

  const answer = async (request: SimRequest): Promise<AdminAnswer> => {
    try {
      return await route(request);
    } catch (error) {
      return refuse(400, error instanceof z.ZodError ? z.prettifyError(error) : String((error as Error).message));
    }
  };
  return (request) => (request.path.startsWith(PREFIX) ? answer(request) : undefined);
}
