// From filter names and parameters in a URI to conditions on values (facts/campaign.md §4, §5).

import type { Instance } from "../instance.js";
import type { View } from "../model/catalog.js";
import type { FieldDefinition, FilterDefinition, FilterOperator, FilterRule } from "../model/definition.js";
import type { SortValue } from "../store/ordered-index.js";
import type { Values } from "../store/table.js";
import { badEnumeration, badValue, noSuchPlace } from "../wire/errors.js";
import { isDate, parseInstant, sortValueOf } from "../wire/values.js";

/** Any of `fields` compares with `value` as `operator` says; one with a `flag` counts only where that boolean is true. */
export interface Condition {
  fields: { path: string; field: FieldDefinition; flag?: string }[];
  operator: FilterOperator;
  value: SortValue;
}

function holds(operator: FilterOperator, left: SortValue, right: SortValue): boolean {
  switch (operator) {
    case "equal":
      return left === right;
    case "greater":
      return left > right;
    case "greaterOrEqual":
      return left >= right;
    case "less":
      return left < right;
    case "lessOrEqual":
      return left <= right;
    case "prefix":
      return String(left).startsWith(String(right));
  }
}

/** Whether a record meets the condition. */
export function meets(condition: Condition, values: Values): boolean {
  return condition.fields.some(
    ({ path, field, flag }) =>
      (flag === undefined || values[flag] === true) &&
      holds(condition.operator, sortValueOf(field, values[path]), condition.value),
  );
}

/** Name under which `filter` is called: `byX` for a customer's filter X, without `by` in v8 (§1). */
export function calledName(instance: Instance, filter: FilterDefinition): string {
  return filter.builtIn || instance.settings.version === "v8" ? filter.name : `by${filter.name}`;
}

/** Name of a rule's parameter in the query string: `p_parameter` for a customer's filter. */
export function calledParameter(filter: FilterDefinition, rule: FilterRule): string {
  return filter.builtIn ? rule.parameter : `${rule.parameter}_parameter`;
}

/** The filter that `segment` of a URI calls, if it calls one. */
export function filterNamed(instance: Instance, view: View, segment: string): FilterDefinition | undefined {
  return view.filters.find((filter) => calledName(instance, filter) === segment);
}

function parseDateParameter(instance: Instance, text: string): number | undefined {
  const forms = { space: /^\d{4}-\d\d-\d\d /, iso: /^\d{4}-\d\d-\d\dT/, literal: /^#.*#$/ };
  const { filterDateFormat } = instance.settings;
  if (filterDateFormat !== "any" && !forms[filterDateFormat].test(text)) return undefined;
  return parseInstant(text.replace(/^#(.*)#$/, "$1"));
}

function parseParameter(instance: Instance, field: FieldDefinition, path: string, text: string): SortValue {
  const unparsable = () => badValue(`XTK-170006 Unable to parse expression '@${path} = ${text}'.`);
  switch (field.type) {
    case "string":
      return text;
    case "date":
      if (!isDate(text)) throw unparsable();
      return text;
    case "datetime": {
      const ms = parseDateParameter(instance, text);
      if (ms === undefined) throw unparsable();
      return ms;
    }
    case "boolean":
      if (text !== "true" && text !== "false") throw unparsable();
      return text === "true";
    case "enumeration":
      if (!field.values?.some((value) => value.name === text)) {
        throw badEnumeration(text, field.enumeration ?? field.name, path);
      }
      return sortValueOf(field, text);
    default:
      if (text.trim() === "" || Number.isNaN(Number(text))) throw unparsable();
      return Number(text);
  }
}

function toCondition(instance: Instance, view: View, rule: FilterRule, text: string): Condition {
  const plain = rule.fields.map((path): { path: string; flag?: string } => ({ path }));
  const flagged = (rule.flagged ?? []).map(({ flag, field }) => ({ path: field, flag }));
  const fields = [...plain, ...flagged].flatMap((named) => {
    const field = view.resource.field(named.path);
    return field === undefined ? [] : [{ ...named, field }];
  });
  const [first] = fields;
  if (first === undefined) throw noSuchPlace(`The filter on '${rule.fields}' compares no field.`, view.resource.name);
  return { fields, operator: rule.operator, value: parseParameter(instance, first.field, first.path, text) };
}

/** Conditions of the filters called, all of which must hold. Throws the engine's errors for unknown filters and bad values. */
export function readConditions(
  instance: Instance,
  view: View,
  filterNames: readonly string[],
  query: URLSearchParams,
): Condition[] {
  const conditions: Condition[] = [];
  for (const name of filterNames) {
    const { resource, api } = view;
    const filter = filterNamed(instance, view, name);
    if (filter === undefined) {
      throw noSuchPlace(
        `'${name}' filter is not defined for the '${resource.name}' resource.`,
        `${api}/${resource.name}/${name}`,
      );
    }
    const type = query.get("filterType");
    if (type !== null && filter.types !== undefined && filter.types[type] === undefined) {
      throw badValue(`'${type}' is not a filter type of the '${name}' filter.`);
    }
    const typed = type === null ? undefined : filter.types?.[type];
    for (const rule of typed === undefined ? filter.rules : [typed]) {
      const parameter = calledParameter(filter, rule);
      const text = query.get(parameter);
      if (text !== null) conditions.push(toCondition(instance, view, rule, text));
      else if (instance.settings.missingParameter === "refuse") {
        throw badValue(`The '${parameter}' parameter of the '${name}' filter is missing.`);
      }
    }
  }
  return conditions;
}
