// Which mappings the doctor holds the systems against: files, else what a deployed app has in force, else what ships.

import { z } from "zod";
import { SettingsError } from "../../shared/errors.js";
import { shippedDocuments } from "../../shared/mapping/shipped.js";
import type { TableMapping } from "../../shared/mapping/table-mapping.js";
import { examineMapping } from "../../shared/mapping/validate.js";
import { readDocument } from "../dataverse/read-mappings.js";
import type { DeployedApp } from "./deployment/app.js";

/** Mapping documents, the language (LCID) of their labels, and where they are from, in words. */
export interface Documents {
  documents: readonly unknown[];
  language: number;
  from: string;
}

const inForceSchema = z.object({ documents: z.array(z.unknown()), language: z.number(), version: z.number() });

/** Where to look: `files` win, then the app. */
export interface DocumentsWanted {
  files: readonly string[];
  language: number;
  app: DeployedApp | undefined;
}

/** The documents. SettingsError names a file that cannot be read. */
export async function readDocuments({ files, language, app }: DocumentsWanted): Promise<Documents> {
  if (files.length > 0) return { documents: files.map(readDocument), language, from: files.join(", ") };
  const shipped = { documents: shippedDocuments, language, from: "the mapping that ships" };
  if (!app) return shipped;
  // That the app does not answer is the deployment's checks' to say.
  const answer = await app.ask("GET", "/control/settings/current", { withKey: true }).catch(() => undefined);
  const inForce = inForceSchema.safeParse(answer?.body);
  if (!inForce.success) return { ...shipped, from: `${shipped.from}, for the app does not say what is in force` };
  return { ...inForce.data, from: `version ${inForce.data.version} in force` };
}

/** The documents as mappings, though Dynamics was not asked what they leave open. SettingsError names what is wrong with them. */
export function asMappings({ documents, from }: Documents): readonly TableMapping[] {
  return documents.map((document, index) => {
    const { mapping, problems } = examineMapping(document);
    if (mapping) return mapping;
    throw new SettingsError(
      problems.map(({ path, problem, fix }) => ({ setting: `${from} [${index}].${path}`, problem, fix })),
    );
  });
}
