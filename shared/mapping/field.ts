// One field of a mapping made ready: source, replacement, conversion, length, and what becomes of a value that does not fit. Pure.

import { RefusedError } from "../errors.js";
import type { Row } from "../model/row.js";
import { compileConversion, emptyValues, type FieldValue, type Misfit } from "./convert.js";
import {
  compileSource,
  compileTranslation,
  type Evaluate,
  isMisfit,
  isZoneless,
  type SourceScope,
} from "./evaluate.js";
import type { ColumnSource, Source } from "./source.js";
import type { FieldMapping } from "./table-mapping.js";

/** A link by the parent's key; null clears it. How it looks on the wire is the adapter's business. */
export type LinkValue = { readonly key: string } | null;

/** One field, ready. `read` answers the value to write, or why there is none; `bend` what the field's rule makes of that. */
export interface CompiledField {
  target: string;
  applyUpdates: boolean;
  read(row: Row): FieldValue | LinkValue | Misfit;
  /** Undefined: the field is left out. Throws RefusedError (code `mapping`) naming the field. */
  bend(misfit: Misfit, warn: (warning: string) => void): FieldValue | LinkValue | undefined;
}

/** Makes a field ready that `validateMapping` accepted. */
export function compileField(field: FieldMapping, scope: SourceScope): CompiledField {
  const { target, applyUpdates } = field;
  const source = withLinkTarget(field);
  const evaluate = compileReplaced(field, source, scope);
  const read = field.type === "link" ? readLink(evaluate) : readScalar(field, evaluate, isZoneless(source, scope));
  return { target, applyUpdates, read, bend: (misfit, warn) => bend(field, misfit, warn) };
}

/** The lookup of a linking field; it counts only where it points to the link's table. */
export function withLinkTarget({ source, link }: FieldMapping): Source {
  return link && "column" in source ? { ...source, target: link.table } : source;
}

/** The lookup column of a linking field. */
export function linkColumn({ source, link }: FieldMapping): ColumnSource | undefined {
  return link && "column" in source ? source : undefined;
}

function compileReplaced({ replacements, otherwise }: FieldMapping, source: Source, scope: SourceScope): Evaluate {
  const replaces = Object.keys(replacements).length > 0 || otherwise !== undefined;
  if (!replaces) return compileSource(source, scope);
  return compileTranslation({ translate: source, values: replacements, otherwise }, scope);
}

function readLink(evaluate: Evaluate): CompiledField["read"] {
  return (row) => {
    const value = evaluate(row);
    if (isMisfit(value)) return value;
    return value === null || value === "" ? null : { key: String(value) };
  };
}

function readScalar(field: FieldMapping, evaluate: Evaluate, zoneless: boolean): CompiledField["read"] {
  const { type, size, maxLength } = field;
  if (type === "link") throw new RangeError("a link is not a scalar");
  const convert = compileConversion(type, { size, zoneless });
  const most = maxLength ?? Number.POSITIVE_INFINITY;
  return (row) => {
    const raw = evaluate(row);
    const value = typeof raw === "object" && raw !== null ? raw : convert(raw);
    return typeof value === "string" && value.length > most
      ? { misfit: `is longer than ${most} characters`, text: value }
      : value;
  };
}

function bend(
  { target, type, misfit: rule, maxLength }: FieldMapping,
  { misfit, text }: Misfit,
  warn: (warning: string) => void,
): FieldValue | LinkValue | undefined {
  if (rule === "truncate" && text !== undefined && maxLength !== undefined) {
    warn(`${target} truncated to ${maxLength}`);
    return truncate(text, maxLength);
  }
  if (rule === "skip") {
    warn(`${target} left out: the value ${misfit}`);
    return undefined;
  }
  if (rule === "empty") {
    warn(`${target} emptied: the value ${misfit}`);
    return type === "link" ? null : emptyValues[type];
  }
  throw new RefusedError(`field ${target} cannot be written: the value ${misfit}`, "mapping", { field: target });
}

/** Cuts at `length` UTF-16 units, never through a surrogate pair. */
function truncate(text: string, length: number): string {
  const cut = text.slice(0, length);
  const last = cut.charCodeAt(cut.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? cut.slice(0, -1) : cut;
}
