// Which records are linked to, or wait for, which other record: the way from a parent to its children, which Campaign does not have.
// Only links that need their parent are kept (mapping/parents.ts, mustExist). Ids only.

import type { Clock } from "../model/clock.js";
import { parseRecordId, type RecordId } from "../model/ids.js";
import { changeEntity } from "./change-entity.js";
import type { EntityTable } from "./entity-table.js";

/** A record of a mapped table. */
export interface RecordRef {
  table: string;
  id: RecordId;
}

/** A child of some record; `linked`: in Campaign it is, or is about to be, linked to it. Otherwise it only wants to know when the parent comes or goes. */
export interface ChildLink {
  child: RecordRef;
  linked: boolean;
}

/** The children of every parent. A row too many costs a needless look at the child; a row too few would lose a link. */
export interface ChildLinks {
  put(parent: RecordRef, child: RecordRef, linked: boolean): Promise<void>;
  remove(parent: RecordRef, child: RecordRef): Promise<void>;
  of(parent: RecordRef): AsyncIterable<ChildLink>;
  /** Should the parent be queued because somebody waits for it? Once in `everyMs`, however many wait. */
  shouldAsk(parent: RecordRef, everyMs: number): Promise<boolean>;
}

const askedRow = "asked";

/** Child links over an entity table: partition = parent, row = child. */
export function makeChildLinks(entities: EntityTable, clock: Pick<Clock, "now">): ChildLinks {
  const keyOf = ({ table, id }: RecordRef): string => `${table}-${id}`;
  const change = async (
    partition: string,
    row: string,
    decide: (current: Readonly<Record<string, unknown>> | undefined) => Record<string, string | boolean> | undefined,
  ): Promise<boolean> => {
    let isChanged = false;
    await changeEntity(entities, [partition, row], (current) => {
      const values = decide(current?.values);
      isChanged = values !== undefined;
      return values;
    });
    return isChanged;
  };

  return {
    async put(parent, child, linked) {
      await change(keyOf(parent), keyOf(child), (current) => (current?.linked === linked ? undefined : { linked }));
    },
    async remove(parent, child) {
      const current = await entities.get(keyOf(parent), keyOf(child));
      if (current) await entities.remove(keyOf(parent), keyOf(child), current.etag);
    },
    async *of(parent) {
      for await (const { row, values } of entities.list(keyOf(parent))) {
        if (row !== askedRow) yield { child: parseKey(row), linked: values.linked === true };
      }
    },
    shouldAsk(parent, everyMs) {
      const now = clock.now();
      return change(keyOf(parent), askedRow, (current) =>
        current && Date.parse(String(current.at)) > now - everyMs ? undefined : { at: new Date(now).toISOString() },
      );
    },
  };
}

const idLength = 36;

function parseKey(key: string): RecordRef {
  return { table: key.slice(0, -idLength - 1), id: parseRecordId(key.slice(-idLength)) };
}
