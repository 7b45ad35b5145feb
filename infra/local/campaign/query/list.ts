// The list envelope: content, count, next, serverSidePagination (facts/campaign.md §5), and `_count`.

import type { Instance } from "../instance.js";
import type { View } from "../model/catalog.js";
import type { FieldDefinition } from "../model/definition.js";
import type { Value } from "../store/table.js";
import { badValue, NotImitatedError, unknownProperty } from "../wire/errors.js";
import { type Base, present } from "../wire/present.js";
import { toWire } from "../wire/values.js";
import { readConditions } from "./conditions.js";
import { select } from "./select.js";
import type { Order, Selection } from "./source.js";

const defaultLineCount = 25;

/** What a list URI names. `self` is the absolute address of the list, without query and final slash. */
export interface ListCall {
  view: View;
  filters: readonly string[];
  parent?: { path: string; value: Value };
  /** The only field wanted, when the URI ends with its name. */
  field?: FieldDefinition;
  self: string;
}

function readOrder(view: View, text: string | null): Order {
  if (text === null || text === "") return { path: "id", descending: false };
  if (text.includes(",")) throw new NotImitatedError("_order by several fields (facts §5: unconfirmed)");
  const [path = "", direction = "asc", ...rest] = text.trim().split(/\s+/);
  const field = view.fields.find((candidate) => candidate.name === path);
  const isSortable = field?.sortable === true && !field.computed;
  if (!isSortable) throw unknownProperty(path, view.resource.name);
  if (rest.length > 0 || !/^(asc|desc)$/i.test(direction))
    throw badValue(`XTK-170006 Unable to parse expression '${text}'.`);
  return { path, descending: /^desc$/i.test(direction) };
}

function readLineCount(instance: Instance, text: string | null): number {
  if (text === null || text === "") return defaultLineCount;
  if (!/^[1-9]\d*$/.test(text)) throw badValue(`The value '${text}' of '_lineCount' is not a positive integer.`);
  return Math.min(Number(text), instance.settings.maxLineCount);
}

function selectionOf(instance: Instance, call: ListCall, query: URLSearchParams): Selection {
  return {
    resource: call.view.resource,
    conditions: readConditions(instance, call.view, call.filters, query),
    order: readOrder(call.view, query.get("_order")),
    ...(call.parent && { parent: call.parent }),
  };
}

function withLineStart(address: string, query: URLSearchParams, lineCount: number, lineStart: string): string {
  const next = new URLSearchParams(query);
  next.set("_lineCount", String(lineCount));
  next.set("_lineStart", lineStart);
  return `${address}?${next.toString().replaceAll("+", "%20").replaceAll("%40", "@")}`;
}

/** The page that a list call asks for. Throws the engine's errors for unknown filters, orders and cursors. */
export function listPage(
  instance: Instance,
  base: Base,
  call: ListCall,
  query: URLSearchParams,
): Record<string, unknown> {
  const { settings, keys } = instance;
  const matches = select(instance, selectionOf(instance, call, query));
  const lineCount = readLineCount(instance, query.get("_lineCount"));
  const start = query.get("_lineStart");
  const cursor = start === null ? undefined : keys.openCursor(start);
  if (start !== null && cursor === undefined) throw badValue(`The value '${start}' of '_lineStart' is not valid.`);

  const { rows, next } = matches.page(cursor, lineCount);
  const { view, field } = call;
  const content = rows.map((row) =>
    field === undefined ? present(instance, base, view, row) : toWire(field, row.values[field.name]),
  );
  const isBig = instance.store.table(view.resource.name).size > settings.bigTableThreshold;
  const isLimited = isBig && query.get("_forcePagination") !== "true";
  const envelope: Record<string, unknown> = { content };
  if (field === undefined || settings.version === "v8") {
    const first = start ?? keys.cursor({ offset: 0, id: 0, value: 0 });
    const count: Record<string, unknown> = { href: withLineStart(`${call.self}//_count`, query, lineCount, first) };
    if (start === null && next === undefined) count.value = rows.length;
    envelope.count = count;
  }
  if (next !== undefined && !isLimited) {
    envelope.next = { href: withLineStart(`${call.self}/`, query, lineCount, keys.cursor(next)) };
  }
  envelope.serverSidePagination = isLimited && next !== undefined ? settings.paginationFlagAtLimit : true;
  return envelope;
}

/** Answer of a `_count` address: all rows of the list, whatever the page. */
export function countRows(instance: Instance, call: ListCall, query: URLSearchParams): { count: number } {
  return { count: select(instance, selectionOf(instance, call, query)).count() };
}
