// Setting a table aside and taking it up again; its replays.

import { z } from "zod";
import { cancelFullRead, fullReadStream, orderReplay } from "../flows/full-read.js";
import type { CompiledMapping } from "../mapping/compile.js";
import { type Refusal, refuse } from "./answer.js";
import type { ControlPorts } from "./ports.js";
import { route } from "./route.js";
import { nothing, tableParams } from "./shapes.js";
import { fullReadOf, fullReadSchema, parkingSchema } from "./table-status.js";

/** How a table is replayed. */
export const replayModes = ["changed", "verify", "report", "force"] as const;

/** The mapping in force of a table, or the refusal that there is none. */
export async function mappingOf({ ingress }: ControlPorts, table: string): Promise<CompiledMapping | Refusal> {
  const { mappings } = await ingress.settings.current();
  return mappings.get(table) ?? refuse(404, "not-mapped", "the settings in force map no such table");
}

/** Parking and replay. */
export const tableRoutes = [
  route({
    method: "POST",
    path: "/tables/{table}/parking",
    summary: "Sets a table's mapping aside: nothing of it is written until it is taken up again",
    description: "A table that is set aside already stays so for its first reason, which is answered.",
    params: tableParams,
    query: nothing,
    body: z.strictObject({
      reason: z
        .string()
        .min(1)
        .max(300)
        .regex(/^[^@]*$/, "write no addresses: reasons are kept"),
    }),
    answer: z.object({ table: z.string(), parked: parkingSchema }),
    refusals: [404, 409],
    async handle({ ports, operator, params: { table }, body: { reason } }) {
      const mapping = await mappingOf(ports, table);
      if ("refused" in mapping) return mapping;
      await ports.control.setAside(table, reason, operator);
      const parked = (await ports.control.read()).parked.get(table);
      return parked ? { table, parked } : refuse(409, "conflict", "somebody has taken the table up again meanwhile");
    },
  }),
  route({
    method: "DELETE",
    path: "/tables/{table}/parking",
    summary: "Takes a table's mapping up again, its counted errors forgotten",
    params: tableParams,
    query: nothing,
    answer: z.object({ table: z.string(), wasParked: z.boolean() }),
    async handle({ ports, params: { table } }) {
      return { table, wasParked: await ports.control.takeUp(table) };
    },
  }),
  route({
    method: "GET",
    path: "/tables/{table}/replay",
    summary: "The last or running full read of a table: load, recovery or replay",
    params: tableParams,
    query: nothing,
    answer: z.object({ table: z.string(), fullRead: fullReadSchema.optional() }),
    refusals: [404],
    async handle({ ports, params: { table } }) {
      const mapping = await mappingOf(ports, table);
      if ("refused" in mapping) return mapping;
      const checkpoint = await ports.ingress.checkpoints.read("ingress", fullReadStream(table));
      const fullRead = fullReadOf(checkpoint?.values);
      return { table, ...(fullRead && { fullRead }) };
    },
  }),
  route({
    method: "POST",
    path: "/tables/{table}/replay",
    summary: "Orders a replay of a table; the next sweep starts it",
    description:
      "`changed` writes what the fingerprints say is different. `verify` reads Campaign in bulk and writes only what it holds differently; `report` counts that and writes nothing. `force` writes every record. 409 while a full read of the table is under way.",
    params: tableParams,
    query: nothing,
    body: z.strictObject({ mode: z.enum(replayModes) }),
    status: 202,
    answer: z.object({ table: z.string(), mode: z.enum(replayModes), generation: z.int() }),
    refusals: [404, 409],
    async handle({ ports, params: { table }, body: { mode } }) {
      const mapping = await mappingOf(ports, table);
      if ("refused" in mapping) return mapping;
      const { generation } = await orderReplay(ports.ingress, table, mode);
      return { table, mode, generation };
    },
  }),
  route({
    method: "DELETE",
    path: "/tables/{table}/replay",
    summary: "Ends a full read that is under way; what it has queued is still worked off",
    description: "A first load that is ended leaves records behind: order a replay `changed` to bring them over.",
    params: tableParams,
    query: nothing,
    answer: z.object({ table: z.string(), wasRunning: z.boolean() }),
    refusals: [409],
    async handle({ ports, params: { table } }) {
      return { table, wasRunning: await cancelFullRead(ports.ingress, table) };
    },
  }),
];
