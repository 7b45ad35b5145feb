// The `/_sim/` side of every stand-in: look, break, reset. What the real product answers is the core's business.
import { z } from "zod";
import type { LatencyRules } from "./latency.js";
import type { SimRequest } from "./types.js";

/** What the admin routes work on, in every stand-in that has them. Whatever throws is answered as 400 with its message. */
export interface AdminParts {
  name: string;
  /** Undefined when there is no such set; an iterator is streamed as a JSON array. */
  state(set: string, query: URLSearchParams): unknown;
  log: { summary(query: Record<string, string>): object; clear(): void };
  /** `add` takes one fault or an array, all or none, and answers their ids; `remove` without an id removes all. */
  faults: { add(body: unknown): string[]; list(): readonly unknown[]; remove(id?: string): number };
  latency: { get(): LatencyRules; set(rules: unknown): void };
  /** Undefined when there is no clock to set. */
  setSkew?: ((ms: number) => void) | undefined;
  /** A command of the stand-in's own; undefined when there is no such command. */
  command?: ((name: string, body: unknown) => unknown) | undefined;
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
  const setClock = (body: unknown): AdminAnswer => {
    const { skewMs } = z.strictObject({ skewMs: z.number() }).parse(body);
    if (!parts.setSkew) return refuse(501, "there is no clock to set here");
    parts.setSkew(skewMs);
    return { status: 200, value: { skewMs } };
  };

  const runCommand = async (name: string, body: unknown): Promise<AdminAnswer> => {
    const value = await parts.command?.(name, body);
    return value === undefined ? refuse(404, `no command "${name}"; there is ${HELP}`) : { status: 200, value };
  };

  const route = (request: SimRequest): AdminAnswer | Promise<AdminAnswer> => {
    const [name = "", rest] = request.path.slice(PREFIX.length).split("/").map(decodeURIComponent);
    switch (`${request.method} ${name}`) {
      case "GET state": {
        const value = parts.state(rest ?? "", request.query);
        return value === undefined ? refuse(404, `no set "${rest ?? ""}" in ${parts.name}`) : { status: 200, value };
      }
      case "GET requests":
        return { status: 200, value: parts.log.summary(Object.fromEntries(request.query)) };
      case "DELETE requests":
        parts.log.clear();
        return { status: 200, value: {} };
      case "GET faults":
        return { status: 200, value: parts.faults.list() };
      case "POST faults":
        return { status: 201, value: { ids: parts.faults.add(parseBody(request.body)) } };
      case "DELETE faults":
        return { status: 200, value: { removed: parts.faults.remove(rest) } };
      case "GET latency":
        return { status: 200, value: { latency: parts.latency.get() } };
      case "POST latency":
        parts.latency.set(parseBody(request.body));
        return { status: 200, value: { latency: parts.latency.get() } };
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
