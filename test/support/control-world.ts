// The control API over the in-process ingress world, asked as the host asks it. Every answer is held against what the API's description says.

import { expect } from "vitest";
import { statusesOf } from "../../infra/openapi.js";
import { refusalSchema } from "../../shared/control/answer.js";
import { type Authorize, holderOfTheKey } from "../../shared/control/authorize.js";
import type { ControlPorts } from "../../shared/control/ports.js";
import { findRoute, makeController } from "../../shared/control/router.js";
import { shippedDocuments, shippedSettingsVersion } from "../../shared/mapping/shipped.js";
import { type ControlStore, makeControlStore } from "../../shared/storage/control.js";
import type { FailureStore } from "../../shared/storage/failures.js";
import type { GateStatus } from "../../shared/storage/gates.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { makeSettingsVersions, shippedVersion } from "../../shared/storage/settings-versions.js";
import { type IngressWorld, makeIngressWorld, type WorldOptions } from "./ingress-world.js";

/** An answer as a caller gets it. `body` is JSON that went over a wire, or the text of a file. */
export interface Heard {
  status: number;
  body: Record<string, unknown>;
  text: string;
  headers: Readonly<Record<string, string>>;
}

/** What a request may have besides method and path. `text` is sent as it is, `body` as JSON. */
export interface Asked {
  body?: unknown;
  text?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
}

/** The world, with an operator in front of it. */
export interface ControlWorld {
  world: IngressWorld;
  /** Control of the process that works the queue and answers; `anotherProcess` has its own memory of the same table. */
  control: ControlStore;
  anotherProcess(): ControlStore;
  /** May be changed by a test. */
  ports: ControlPorts;
  gates: GateStatus[];
  ask(method: "GET" | "POST" | "DELETE", path: string, asked?: Asked): Promise<Heard>;
}

/** Makes the world; `parkAfter` as the setting PARK_AFTER. */
export async function makeControlWorld(
  options: WorldOptions & { parkAfter?: number; authorize?: Authorize } = {},
): Promise<ControlWorld> {
  const { parkAfter = 25, authorize = holderOfTheKey, ...rest } = options;
  const world = await makeIngressWorld(rest);
  const tables = makeMemoryEntityTables();
  await tables.ensure(["workflows", "settings"]);
  const workflows = tables.table("workflows");
  const anotherProcess = (): ControlStore => makeControlStore(workflows, world.clock, parkAfter);
  const control = anotherProcess();
  world.ports.control = control;
  const gates: GateStatus[] = [];
  const ports: ControlPorts = {
    ingress: world.ports,
    ready: async () => {},
    control,
    // The world makes its calls mortal, and keeps all of its methods.
    failures: world.ports.failures as FailureStore,
    decisions: world.decisions,
    publishing: {
      versions: makeSettingsVersions(
        tables.table("settings"),
        shippedVersion(shippedSettingsVersion, shippedDocuments),
      ),
      metadata: { tables: async () => new Map() },
      checkpoints: world.ports.checkpoints,
      clock: world.clock,
    },
    lanes: 2,
    maxDepth: 10,
    gates: async () => gates,
    usageToday: async () => ({ "insert profile": 3 }),
    countRows: async () => undefined,
    egress: undefined,
    backfill: undefined,
    reconciling: {
      ports: {
        ...world.reconcile,
        stopped: async () => ((await control.isWanted("optout")) ? undefined : "opt-outs are stopped"),
      },
      pace: { pageSize: 2, rowPage: 10, retryMs: 60_000 },
    },
  };
  return {
    world,
    control,
    anotherProcess,
    ports,
    gates,
    ask: asker(ports, authorize),
  };
}

/** Asks a controller over these ports. */
export function asker(ports: ControlPorts, authorize: Authorize = holderOfTheKey): ControlWorld["ask"] {
  const controller = makeController(ports, authorize);
  return async (method, path, { body, text, query = {}, headers = {} } = {}) => {
    const sent = text ?? (body === undefined ? "" : JSON.stringify(body));
    const all: Record<string, string> = { "content-type": "application/json", ...headers };
    const { answer, error } = await controller.handle({
      method,
      path,
      query,
      header: (name) => all[name],
      text: async () => sent,
    });
    if (answer.status === 500) throw error;
    const asText = answer.type ? String(answer.body) : JSON.stringify(answer.body);
    const heard = { status: answer.status, text: asText, headers: answer.headers ?? {} };
    const json = answer.type ? {} : (JSON.parse(asText) as Record<string, unknown>);
    holdAgainstDescription(method, path, heard.status, json);
    return { ...heard, body: json };
  };
}

/** No status and no member that the description does not name. */
function holdAgainstDescription(method: string, path: string, status: number, body: unknown): void {
  const route = findRoute(method, path)?.route;
  if (!route) {
    expect([401, 403, 404]).toContain(status);
    return;
  }
  expect(statusesOf(route)).toContain(status);
  if (status !== route.status) expect(refusalSchema.parse(body)).toEqual(body);
  else if (route.answer !== "csv") expect(route.answer.parse(body)).toEqual(body);
}

/** Lists what an async iterable holds. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
