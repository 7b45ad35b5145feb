// The vocabulary in which a Campaign instance is described as data: resources, fields, links, keys, filters.
// What the shipped instance looks like is in the files next to this one; no behaviour here.

/** How a value is stored and written on the wire (facts/campaign.md §3.4, §6). */
export type FieldType =
  | "string"
  | "byte"
  | "short"
  | "long"
  | "int64"
  | "float"
  | "double"
  | "boolean"
  | "date"
  | "datetime"
  | "enumeration"
  | "item"
  | "link";

/** One value of an enumeration: `name` is what the API speaks, `value` what the database sorts by. */
export interface EnumerationValue {
  name: string;
  label: string;
  value: number;
}

/**
 * One field of a resource. `extension` hides it from `profileAndServices`; `computed` means never stored; `initial` is what a
 * new record holds when nothing was sent (default: empty of its type).
 * Links have `target` and, for specific joins, `join`; cardinality "1" hides the record while the link does not resolve (§3.5);
 * `reverse` names the collection that the link adds to its target.
 */
export interface FieldDefinition {
  name: string;
  label: string;
  type: FieldType;
  length?: number;
  readOnly?: boolean;
  computed?: boolean;
  extension?: boolean;
  mandatory?: boolean;
  sortable?: boolean;
  category?: string;
  dataPolicy?: "email" | "smartCase" | "phone";
  initial?: string | number | boolean;
  values?: EnumerationValue[];
  /** Id of the enumeration in error texts, e.g. `nms:recipient:gender`. */
  enumeration?: string;
  fields?: FieldDefinition[];
  target?: string;
  join?: { source: string; target: string };
  cardinality?: "0..1" | "1";
  reverse?: string;
}

/** An identification key: one or several fields, unique together. Empty values are never compared. `fixed`: PATCH may not change it. */
export interface KeyDefinition {
  fields: string[];
  extension?: boolean;
  fixed?: boolean;
}

/** How one rule of a filter compares. Text comparison is case sensitive; `prefix` is what Campaign calls searching (§5). */
export type FilterOperator = "equal" | "greater" | "greaterOrEqual" | "less" | "lessOrEqual" | "prefix";

/**
 * One rule: any of `fields` (a dotted path for nested items) compared with `parameter`; or, where a boolean named by `flagged` is true, the field beside
 * it: a group of conditions joined by And inside one joined by Or.
 */
export interface FilterRule {
  fields: string[];
  flagged?: { flag: string; field: string }[];
  operator: FilterOperator;
  parameter: string;
}

/**
 * A filter: all rules must hold. A customer's filter `X` with parameter `p` is called as `byX?p_parameter=` (§4); a built-in
 * one by its own name and parameters. `types` is byText's `filterType` (§5): each gives the rule used instead.
 */
export interface FilterDefinition {
  name: string;
  label: string;
  rules: FilterRule[];
  builtIn?: boolean;
  extension?: boolean;
  types?: Record<string, FilterRule>;
}

/** One resource of an instance. */
export interface ResourceDefinition {
  name: string;
  label: string;
  /** As error texts call one record: `A 'Service' with the same key …`. */
  singular: string;
  help: string;
  schema: string;
  fields: FieldDefinition[];
  keys: KeyDefinition[];
  filters: FilterDefinition[];
  /** `created` and `lastModified` are kept. */
  auditFields?: boolean;
  /** `acsId` is kept ("Add automatic ID"). */
  automaticId?: boolean;
  /** Main field and the one in brackets of `title`; without it the title is the first key's value. */
  title?: [string, string];
  /** "Hide this resource from APIs": reachable through links and collections only. */
  hidden?: boolean;
}
