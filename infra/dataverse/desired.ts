// What must be registered in Dynamics so that changes ring our doorbell (facts/dataverse.md §1.1, §2, §11). Desired state from the
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

/** The queue that Dataverse posts to instead of, or beside, the webhook. */
export interface BusTarget {
  /** Address of the Service Bus namespace: `sb://contoso.servicebus.windows.net/`. */
  namespace: string;
  queue: string;
  /** Name of a shared access policy that may send to the queue, and nothing else. */
  sasName: string;
  sasKey: string;
  /** As the webhook's, and another one: `busNameOf("acs-sync")`. */
  name: string;
}

/** Name of the bus endpoint that goes with the webhook `name`: names of endpoints are unique. */
export function busNameOf(name: string): string {
  return `${name}-bus`;
}

/** One step: a message of one table that is posted to an endpoint, asynchronously, after the operation. */
export interface DesiredStep {
  name: string;
  message: "Create" | "Update" | "Delete" | "Merge";
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

/** The tables whose rows people can merge. */
const mergeable: ReadonlySet<string> = new Set(["account", "contact", "incident", "lead"]);

/** The steps of one endpoint, `name`, for all mapped tables. */
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
      // Without image: a Merge is about two rows, and both are read when it comes.
      ...(mergeable.has(table) ? [step("Merge", {})] : []),
    ];
  });
}

/** Mapped columns, and the state, which an edit through other messages moves. The id never changes. */
function filteringAttributes({ table, columns }: CompiledMapping): string {
  const mapped = Object.keys(columns).filter((column) => column !== table.id);
  return [...new Set([...mapped, "statecode", "statuscode"])].sort().join(",");
}
