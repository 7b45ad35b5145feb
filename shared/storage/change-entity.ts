import { ConflictError } from "../errors.js";
import type { Entity, EntityTable } from "./entity-table.js";

/**
 * Reads an entity, lets `decide` say what it should hold, and writes that; from the start when somebody was faster, at most `tries` times. `decide` answers
 * undefined to leave it as it is. Answers what it holds then; ConflictError: somebody always was.
 */
export async function changeEntity(
  entities: EntityTable,
  [partition, row]: readonly [partition: string, row: string],
  decide: (current: Entity | undefined) => Entity["values"] | undefined,
  tries = 3,
): Promise<Entity["values"] | undefined> {
  for (let tried = 1; ; tried += 1) {
    const current = await entities.get(partition, row);
    const values = decide(current);
    if (values === undefined) return current?.values;
    try {
      if (current) await entities.replace(partition, row, values, current.etag);
      else await entities.insert(partition, row, values);
      return values;
    } catch (error) {
      if (!(error instanceof ConflictError) || tried === tries) throw error;
    }
  }
}

/** Removes the entity if nobody has changed it meanwhile; answers how many are gone. */
export async function removeUnchanged(entities: EntityTable, { partition, row, etag }: Entity): Promise<0 | 1> {
  try {
    await entities.remove(partition, row, etag);
    return 1;
  } catch (error) {
    if (error instanceof ConflictError) return 0;
    throw error;
  }
}
