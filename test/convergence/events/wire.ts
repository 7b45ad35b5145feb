import type { SimResponse } from "../../../infra/local/sim/types.js";
import type { Outgoing, WireLog } from "../peers.js";
import { hosts } from "../registration.js";
import type { Trace } from "../trace.js";
import { makeWaitLog, type WaitLog } from "../wait-log.js";

/** What reached the peers, seen from the wire, beside the app. */
export interface EventWire extends WireLog, WaitLog {
  /** Batches that Dynamics has got. */
  readonly batches: number;
  /** Called between a list that Campaign made and its answer. */
  onList: () => void;
}

/** Makes an empty log. */
export function makeEventWire(now: () => number, trace: Trace): EventWire {
  let batches = 0;
  const wire: EventWire = {
    ...makeWaitLog(now),
    get batches() {
      return batches;
    },
    onList: () => {},
    keyOf: () => undefined,
    interrupted: () => {},
    async record(who, request, handle) {
      const response = await handle();
      if (request.url.host === hosts.campaign && request.url.pathname.includes("cusEmailEvent")) wire.onList();
      if (!request.url.pathname.endsWith("/$batch")) return response;
      batches += 1;
      trace.add("dynamics", `${who}: $batch → ${answersOf(response)}`, idsIn(request));
      return response;
    },
  };
  return wire;
}

function idsIn({ body }: Outgoing): string {
  return [...new Set([...body.matchAll(/"activityid":"([^"]+)"/g)].map(([, id]) => id))].join(" ");
}

function answersOf({ status, body }: SimResponse): string {
  if (status >= 300) return String(status);
  return [...body.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code).join(" ");
}
