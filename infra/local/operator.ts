// Someone who operates the app over its control API (docs/control-api.json), for npm start and the system tests.

/** An operator at work. Methods throw with the app's answer when it refuses. */
export interface Operator {
  /** Puts these documents in force; answers the version, and which tables' replays were ordered. */
  publish(documents: readonly unknown[], note?: string): Promise<{ outcome: string; version: number }>;
  /** Documents in force as they are kept, and their version. */
  settings(): Promise<{ version: number; documents: unknown[] }>;
  stop(drain: boolean): Promise<void>;
  start(): Promise<void>;
  replay(table: string, mode: "changed" | "verify" | "force"): Promise<void>;
  /** Any other request; `path` below /api/control. */
  send(method: string, path: string, body?: unknown): Promise<unknown>;
}

/** What the app refused, as it answered. */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** An operator with the function key of the app at `address`, asked anew before each request: hosts come and go. */
export function makeOperator(address: () => string, key: string): Operator {
  const send: Operator["send"] = async (method, path, body) => {
    const response = await fetch(`${address()}/api/control${path}`, {
      method,
      headers: { "x-functions-key": key, "content-type": "application/json", "x-operator": "local-operator" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new OperatorError(
        response.status,
        `${method} ${path} answered ${response.status}: ${text.slice(0, 2_000)}`,
      );
    }
    return JSON.parse(text);
  };
  return {
    send,
    publish: (documents, note = "") =>
      send("POST", "/settings/publish", { documents, note }) as ReturnType<Operator["publish"]>,
    settings: () => send("GET", "/settings/current") as ReturnType<Operator["settings"]>,
    stop: async (drain) => void (await send("POST", "/workflows/ingress/stop", { drain })),
    start: async () => void (await send("POST", "/workflows/ingress/start")),
    replay: async (table, mode) => void (await send("POST", `/tables/${table}/replay`, { mode })),
  };
}
