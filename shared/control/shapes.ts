// Parts that several routes' requests and answers are made of.

import { z } from "zod";
import { parseRecordId } from "../model/ids.js";

/** Nothing: no parameters, no query, no members. */
export const nothing = z.strictObject({});

/** Logical name of a table; also that of what stands for one, `unreadable-message`. */
export const tableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,127}$/, "give the table's logical name, such as contact");

/** A record's id in any of Microsoft's spellings without braces. */
export const recordId = z.guid().transform((text) => parseRecordId(text));

/** An instant as ISO text. */
export const instant = z.string();

/** A table in a path. */
export const tableParams = z.strictObject({ table: tableName });

/** A record in a path. */
export const recordParams = z.strictObject({ table: tableName, id: recordId });

/** Where a list goes on; opaque. */
export const continuationText = z.string().min(1).max(1_000);
