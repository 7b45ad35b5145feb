// What happens inside Campaign without the API: `POST /_sim/<command>`. Nothing here counts as a call or as a write of the API.

import { z } from "zod";
import { createRecord, deleteRecord, updateRecord } from "./engine/write.js";
import { deliver } from "./events/deliver.js";
import { extractEvents } from "./events/event-files.js";
import { recordEvents } from "./events/log.js";
import { exportOptOuts } from "./events/opt-out-file.js";
import { findByHistoryKey, type Inspected, widestView } from "./inspect.js";
import type { Instance, Row } from "./instance.js";
import type { View } from "./model/catalog.js";

const seedSchema = z.strictObject({ resource: z.string(), records: z.array(z.record(z.string(), z.unknown())) });
const editSchema = z.strictObject({
  resource: z.string(),
  key: z.string(),
  values: z.record(z.string(), z.unknown()),
});
const removeSchema = z.strictObject({ resource: z.string(), key: z.string() });

function viewNamed(instance: Instance, name: string): View {
  return widestView(instance, instance.catalog.resource(name));
}

function existing(instance: Instance, view: View, key: string): Row {
  const row = findByHistoryKey(instance, view.resource, key);
  if (row === undefined) throw new Error(`there is no ${view.resource.name} with key ${key}`);
  return row;
}

/** Commands: what someone does inside Campaign, outside the API. Undefined for an unknown one; an Error is the caller's mistake. */
export function runCommand({ instance, calls, tokens }: Inspected, name: string, body: unknown): unknown {
  switch (name) {
    case "reset-calls": {
      const before = calls.totals();
      calls.reset();
      return before;
    }
    case "settings":
      return instance.change(body);
    case "events":
      return recordEvents(instance, body);
    case "deliver":
      return deliver(instance, body);
    case "export-opt-outs":
      return exportOptOuts(instance) ?? { file: null, rows: 0 };
    case "extract-events":
      return extractEvents(instance);
    case "revoke-tokens":
      tokens.revoke();
      return {};
    case "seed": {
      const { resource, records } = seedSchema.parse(body);
      const view = viewNamed(instance, resource);
      for (const record of records) createRecord(instance, view, record, { unrecorded: true });
      return { created: records.length };
    }
    case "edit": {
      const { resource, key, values } = editSchema.parse(body);
      const view = viewNamed(instance, resource);
      updateRecord(instance, view, existing(instance, view, key), values, { unrecorded: true });
      return {};
    }
    case "remove": {
      const { resource, key } = removeSchema.parse(body);
      const view = viewNamed(instance, resource);
      deleteRecord(instance, view.resource, existing(instance, view, key), { unrecorded: true });
      return {};
    }
    default:
      return undefined;
  }
}
