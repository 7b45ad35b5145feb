// A plain HTTP client with kept-alive connections: lighter than fetch, so that less of what is measured is the load itself.
import { Agent, request } from "node:http";

/** An answer, its body as text. */
export interface Answer {
  status: number;
  text: string;
}

/** Sends requests to one address with the same headers; an answer of 400 and more is an error. */
export interface HttpLoad {
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  close(): void;
}

/** Makes a client of `url`, which may end in a path that all requests share. `path` may also be a whole URL of that host. */
export function makeHttpLoad(url: string, common: Record<string, string> = {}): HttpLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  return {
    send: (method, path, body, headers = {}) =>
      new Promise((resolve, reject) => {
        const payload = body === undefined ? undefined : JSON.stringify(body);
        const outgoing = request(path.startsWith("http") ? path : `${url}${path}`, {
          agent,
          method,
          headers: {
            ...common,
            ...(payload !== undefined && {
              "content-type": "application/json",
              "content-length": Buffer.byteLength(payload),
            }),
            ...headers,
          },
        });
        outgoing.on("error", reject);
        outgoing.on("response", (incoming) => {
          const pieces: Buffer[] = [];
          incoming.on("data", (piece: Buffer) => pieces.push(piece));
          incoming.on("error", reject);
          incoming.on("end", () => {
            const answer = { status: incoming.statusCode ?? 0, text: Buffer.concat(pieces).toString() };
            if (answer.status < 400) resolve(answer);
            else reject(new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 500)}`));
          });
        });
        outgoing.end(payload);
      }),
    close: () => agent.destroy(),
  };
}
