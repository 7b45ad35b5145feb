import type { EnumerationValue, FieldDefinition } from "./definition.js";

/** Text field of at most `length` characters. */
export function text(name: string, label: string, length = 255, more: Partial<FieldDefinition> = {}): FieldDefinition {
  return { name, label, type: "string", length, sortable: true, ...more };
}

/** Boolean field, false when nothing was sent. */
export function flag(name: string, label: string, more: Partial<FieldDefinition> = {}): FieldDefinition {
  return { name, label, type: "boolean", sortable: true, ...more };
}

/** Instant in UTC, read as `2019-09-25 23:20:35.000Z`. */
export function instant(name: string, label: string, more: Partial<FieldDefinition> = {}): FieldDefinition {
  return { name, label, type: "datetime", sortable: true, ...more };
}

/** Enumeration whose first value is the initial one. */
export function enumeration(
  name: string,
  label: string,
  id: string,
  values: EnumerationValue[],
  more: Partial<FieldDefinition> = {},
): FieldDefinition {
  const initial = values[0]?.name ?? "";
  return { name, label, type: "enumeration", enumeration: id, values, initial, sortable: true, ...more };
}

/** Enumeration values numbered in the order given, each its own label. */
export function named(...names: string[]): EnumerationValue[] {
  return names.map((name, value) => ({ name, label: name, value }));
}
