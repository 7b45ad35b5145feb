import type { AdminParts } from "./admin.js";
import type { FaultEngine } from "./fault-engine.js";
import { FaultSyntaxError, isHttpFault, parseFaults } from "./fault-schema.js";
import type { CoreFaults } from "./types.js";

/** The faults of a simulator as one: those of its HTTP requests, and those its core carries out itself. */
export function makeFaultDesk(
  name: string,
  requests: Omit<FaultEngine, "decide">,
  core: CoreFaults | undefined,
): AdminParts["faults"] {
  let added = 0;
  const remove = (id?: string): number => requests.remove(id) + (core?.remove(id) ?? 0);
  return {
    add(body) {
      const ids: string[] = [];
      try {
        for (const fault of parseFaults(body)) {
          added += 1;
          const id = String(added);
          if (isHttpFault(fault)) requests.add(id, fault);
          else if (core) core.add(id, fault);
          else throw new FaultSyntaxError(`on: ${name} has no faults of kind "${fault.on}"; write "METHOD glob"`);
          ids.push(id);
        }
      } catch (error) {
        for (const id of ids) remove(id);
        throw error;
      }
      return ids;
    },
    list: () => [...requests.list(), ...(core?.list() ?? [])],
    remove,
  };
}
