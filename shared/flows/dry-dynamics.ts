// Dynamics as a dry run meets it: read as it is, never written. Opt-outs that would have been written are shown in the rows that are read afterwards; activities
// are noted, and the ledger of events, a copy, knows them from then on.

import { ConflictError } from "../errors.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { Clock } from "../model/clock.js";
import type { EventType } from "../model/email-event.js";
import type { DryNotes, DryRef } from "./dry-run-ports.js";
import type { ActivitySink } from "./egress-ports.js";
import { mapLimit } from "./map-limit.js";
import type { DynamicsOptOutStore } from "./optout-ports.js";
import type { DynamicsSource, VersionedRow } from "./ports.js";

/** What a dry run reads of Dynamics, and where it notes. */
export interface DryDynamicsParts {
  notes: DryNotes;
  source: DynamicsSource;
  optOuts: DynamicsOptOutStore;
  clock: Pick<Clock, "now">;
}

const rowsAtOnce = 8;

/** The port DynamicsSource, its rows with the opt-outs that would have been written to them: for mappings that write any. */
export function makeDryDynamics({ notes, source }: DryDynamicsParts): DynamicsSource {
  const shown = async (mapping: CompiledMapping, row: VersionedRow): Promise<VersionedRow> => {
    const direction = mapping.optOuts?.direction;
    if (direction !== "toDynamics" && direction !== "both") return row;
    const noted = Object.entries((await notes.read(refOf(mapping, row.id)))?.optOuts ?? {});
    if (noted.length === 0) return row;
    return { ...row, row: { ...row.row, ...Object.fromEntries(noted.map(([column, { value }]) => [column, value])) } };
  };
  const allShown = (mapping: CompiledMapping, rows: readonly VersionedRow[]): Promise<VersionedRow[]> =>
    mapLimit(rows, rowsAtOnce, (row) => shown(mapping, row));
  return {
    organizationId: () => source.organizationId(),
    existing: (mapping, ids) => source.existing(mapping, ids),
    readChanges: (mapping, link) => source.readChanges(mapping, link),
    async fetchRow(mapping, id) {
      return shown(mapping, await source.fetchRow(mapping, id));
    },
    async fetchRows(mapping, ids) {
      return allShown(mapping, await source.fetchRows(mapping, ids));
    },
    async readPage(mapping, cursor, pageSize) {
      const page = await source.readPage(mapping, cursor, pageSize);
      return { ...page, rows: await allShown(mapping, page.rows) };
    },
  };
}

/** The port DynamicsOptOutStore without its write, which costs the read that tells whether the row still has its version. */
export function makeDryDynamicsOptOuts({ notes, source, optOuts, clock }: DryDynamicsParts): DynamicsOptOutStore {
  return {
    async write(mapping, id, columns, version) {
      const now = await source.fetchRow(mapping, id);
      if (now.version !== version) {
        throw new ConflictError(`the ${mapping.table.name} has another version`, { system: "dynamics" });
      }
      const at = clock.now();
      const noted = Object.fromEntries(Object.entries(columns).map(([column, value]) => [column, { value, at }]));
      await notes.wrote(refOf(mapping, id), { outcome: "updated", fields: Object.keys(columns), optOuts: noted });
      return version;
    },
    masterOf: (mapping, id) => optOuts.masterOf(mapping, id),
    lastOptIn: (mapping, id, column) => optOuts.lastOptIn(mapping, id, column),
  };
}

/** The port ActivitySink without its write. `tables`: name of each type's table. */
export function makeDryActivities(
  notes: DryNotes,
  sink: ActivitySink,
  tables: Readonly<Record<EventType, { name: string }>>,
): ActivitySink {
  return {
    contacts: (keys) => sink.contacts(keys),
    existing: (type, ids) => sink.existing(type, ids),
    async write(activities) {
      await mapLimit(activities, rowsAtOnce, async ({ id, event, task }) => {
        const created = { outcome: "created", fields: [] } as const;
        await notes.wrote({ side: "dynamics", table: tables[event.type].name, id }, created);
        if (task) await notes.wrote({ side: "dynamics", table: "task", id: task.id }, created);
      });
      return activities.map(() => ({ outcome: "written" as const }));
    },
  };
}

function refOf({ table }: CompiledMapping, id: DryRef["id"]): DryRef {
  return { side: "dynamics", table: table.name, id };
}
