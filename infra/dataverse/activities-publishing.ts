// Publishing the activity tables after they changed, and the note in our own solution that says for which definitions it was done: no kill leaves them
// unpublished. What changes is activities.ts.

import { createHash } from "node:crypto";
import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { type Action, change, list } from "./action.js";
import type { DesiredTable } from "./activities-desired.js";

const solutionSchema = z.object({
  solutionid: z.string(),
  _publisherid_value: z.string().nullish(),
  description: z.string().nullish(),
});
/** A solution as it is. */
export type FoundSolution = z.infer<typeof solutionSchema>;

/** The solution of this unique name, if it is there. */
export async function findSolution(client: DataverseClient, name: string) {
  const path = `solutions?$select=${Object.keys(solutionSchema.shape).join(",")}&$filter=uniquename eq '${name}'`;
  return (await list(client, "look for solution", path, solutionSchema))[0];
}

/** What the description of a solution that `apply` made begins with. */
export const madeByUs = "Made by dataverse:apply.";

/**
 * The changes, and publishing after them. Nothing says what is published, so a solution of ours notes for which definitions it was done, and no longer does as
 * soon as one changes: a kill anywhere leaves a note that publishes. A solution of somebody else's is not written on.
 */
export function withPublishing(
  options: { client: DataverseClient; solution: string; publish?: boolean },
  tables: readonly DesiredTable[],
  found: FoundSolution | undefined,
  definitions: readonly Action[],
): Action[] {
  const { client, solution, publish = false } = options;
  const isOurs = found === undefined || (found.description ?? "").startsWith(madeByUs);
  const note = `${madeByUs} Published ${createHash("sha256").update(JSON.stringify(tables)).digest("hex").slice(0, 12)}`;
  const isNoted = found?.description === note;
  const unnote = (): Action =>
    change(client, `note that solution ${solution} is to be published`, "PATCH", `solutions(${found?.solutionid})`, {
      description: madeByUs,
    });
  if (definitions.length === 0 && !publish && (isNoted || !isOurs)) return [];
  return [
    ...(isNoted ? [unnote()] : []),
    ...definitions,
    publishing(client, tables),
    ...(isOurs ? [noting(client, solution, note)] : []),
  ];
}

function noting(client: DataverseClient, solution: string, description: string): Action {
  const what = `note in solution ${solution} that it is published`;
  return {
    what,
    run: async () => {
      const path = `solutions(${(await findSolution(client, solution))?.solutionid})`;
      await client.call({ operation: what, method: "PATCH", path, body: { description } });
    },
  };
}

function publishing(client: DataverseClient, tables: readonly DesiredTable[]): Action {
  const names = tables.map(({ table }) => `<entity>${table.name}</entity>`).join("");
  const ParameterXml = `<importexportxml><entities>${names}</entities></importexportxml>`;
  return { ...change(client, "publish the activity tables", "POST", "PublishXml", { ParameterXml }), kind: "change" };
}
