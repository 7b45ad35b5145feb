// What must be registered in Dynamics so that changes ring our doorbell (facts/dataverse.md §1.1, §11). Desired state from the
// mappings in force; comparing and applying is provision.ts.

import { imageAliasOf } from "../../shared/dataverse/notice.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";

/** The webhook: `url` without key, `key` the function key that Dataverse appends as `?code=`. */
export interface WebhookTarget {
  url: string;
  key: string;
  /** Distinguishes several deployments on one environment, e.g. `acs-sync`. */
  name: string;
}

/** One step: a message of one table that is posted to the webhook, asynchronously, after the operation. */
export interface DesiredStep {
  name: string;
  message: "Create" | "Update" | "Delete";
  table: string;
  /** Columns that make an Update interesting; empty for other messages. */
  filteringAttributes: string;
  image?: DesiredImage;
}

/** The post-image of a step. Its alias names the column set, so that a reader knows which missing columns are empty. */
export interface DesiredImage {
  alias: string;
  attributes: string;
  messageProperty: string;
}

/**
 * Name of the image's parameter on Create: documentation says `Target`, tools use `Id`; unconfirmed (facts/dataverse.md §11).
 */
export type CreateImageProperty = "Target" | "Id";

/** The steps for all mapped tables. */
export function desiredSteps(
  name: string,
  mappings: Iterable<CompiledMapping>,
  createImageProperty: CreateImageProperty,
): DesiredStep[] {
  return [...mappings].flatMap((mapping) => {
    const table = mapping.table.name;
    const attributes = Object.keys(mapping.columns).sort().join(",");
    const image = { alias: imageAliasOf(mapping), attributes };
    const step = (message: DesiredStep["message"], rest: Partial<DesiredStep>): DesiredStep => ({
      name: `${name}: ${message} of ${table}`,
      message,
      table,
      filteringAttributes: "",
      ...rest,
    });
    return [
      step("Create", { image: { ...image, messageProperty: createImageProperty } }),
      step("Update", {
        filteringAttributes: filteringAttributes(mapping),
        image: { ...image, messageProperty: "Target" },
      }),
      step("Delete", {}),
    ];
  });
}

/** Mapped columns, and the state, which an edit through other messages moves. The id never changes. */
function filteringAttributes({ table, columns }: CompiledMapping): string {
  const mapped = Object.keys(columns).filter((column) => column !== table.id);
  return [...new Set([...mapped, "statecode", "statuscode"])].sort().join(",");
}
