// One source value to one target value. Pure and total: what does not fit is said, never guessed (facts/campaign.md §11).

import type { RowValue } from "../model/row.js";
import { dayOf, instantOf } from "./dates.js";
import type { FieldMapping } from "./table-mapping.js";

/** A value as Campaign's REST API takes it. Campaign has no null but for links: an empty field is "", 0 or false. */
export type FieldValue = string | number | boolean;

/** Why a value does not fit, in words without the value: it can be a person's. `text` is what is too long, for who truncates it. */
export interface Misfit {
  readonly misfit: string;
  readonly text?: string;
}

/** A value that fits, or why it does not. */
export type Converted = { value: FieldValue } | Misfit;

/** Types of a field that holds one value; a link by key holds a reference. */
export type ScalarType = Exclude<FieldMapping["type"], "link">;

/** How a value becomes one of the target's type. `zoneless`: the source is a date and time without zone. */
export interface ConversionOptions {
  size?: FieldMapping["size"];
  zoneless?: boolean;
}

/** What an empty field of each target type looks like on the wire; Dynamics' null becomes this. */
export const emptyValues: Readonly<Record<ScalarType, FieldValue>> = {
  string: "",
  integer: 0,
  float: 0,
  double: 0,
  boolean: false,
  date: "",
  datetime: "",
  enumeration: "",
};

/** Converts `value` to the target type; `null` becomes the type's empty value, `false`, 0 and "" stay what they are. */
export function convertValue(value: RowValue, type: ScalarType, options: ConversionOptions = {}): Converted {
  const converted = compileConversion(type, options)(value);
  return typeof converted === "object" ? converted : { value: converted };
}

/** The conversion to one target type, made ready once: for running it on every row. */
export function compileConversion(
  type: ScalarType,
  { size, zoneless = false }: ConversionOptions = {},
): (value: RowValue) => FieldValue | Misfit {
  switch (type) {
    case "string":
    case "enumeration":
      return toText;
    case "integer":
      return compileInteger(size);
    case "float":
      return (value) => toNumber(value, largestFloat);
    case "double":
      return (value) => toNumber(value, Number.MAX_VALUE);
    case "boolean":
      return toBoolean;
    case "date":
      return (value) => (isEmpty(value) ? "" : (dayOf(String(value), zoneless) ?? noDate));
    case "datetime":
      return (value) => (isEmpty(value) ? "" : (instantOf(String(value), zoneless) ?? noInstant));
  }
}

const noDate: Misfit = { misfit: "is not a date" };
const noInstant: Misfit = { misfit: "is not a date and time" };
const noNumber: Misfit = { misfit: "is not a number" };
const noTruth: Misfit = { misfit: "is neither true nor false" };
const booleanAsNumber: Misfit = { misfit: "is a boolean, not a number" };
const tooLarge: Misfit = { misfit: "is too large for the number type" };

function isEmpty(value: RowValue): value is null | "" {
  return value === null || value === "";
}

/** A value as text: a number with a dot and all its digits, nothing as empty text. */
export function toText(value: RowValue): string {
  if (typeof value === "string") return value;
  if (value === null) return "";
  return typeof value === "number" ? plainDecimal(value) : String(value);
}

/** A number with a dot and all its digits, never with an exponent. */
function plainDecimal(value: number): string {
  const text = String(value);
  const [mantissa = "", exponent] = text.split("e");
  if (exponent === undefined) return text;
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d+)\.?(\d*)$/.exec(mantissa) ?? [];
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return point >= digits.length
    ? sign + digits + "0".repeat(point - digits.length)
    : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Largest amounts of Campaign's integer types; the least is one further from zero. A JSON number is exact up to 2^53 - 1 only. */
const largest = { byte: 127, short: 32_767, int32: 2_147_483_647, int64: Number.MAX_SAFE_INTEGER } as const;
const largestFloat = 3.402_823_466_385_288_6e38;

/** Rounds, halves away from zero. */
function compileInteger(size: FieldMapping["size"]): (value: RowValue) => number | Misfit {
  const most = largest[size ?? "int64"];
  const least = most === Number.MAX_SAFE_INTEGER ? -most : -most - 1;
  const outside: Misfit = { misfit: `is outside the range of ${size ?? "an integer"}` };
  return (value) => {
    if (typeof value === "boolean") return value ? 1 : 0;
    const number = toNumber(value, Number.MAX_VALUE);
    if (typeof number === "object") return number;
    const rounded = Math.sign(number) * Math.round(Math.abs(number)) + 0;
    return rounded >= least && rounded <= most ? rounded : outside;
  };
}

/** A number as people write it; not what JavaScript also takes for one, such as 0x10. */
const decimal = /^[+-]?(\d+(\.\d+)?|\.\d+)$/;

function toNumber(value: RowValue, most: number): number | Misfit {
  if (value === null) return 0;
  if (typeof value === "boolean") return booleanAsNumber;
  const number = typeof value === "number" ? value : decimal.test(value.trim()) ? Number(value) : Number.NaN;
  if (Number.isNaN(number) || number === Number.POSITIVE_INFINITY || number === Number.NEGATIVE_INFINITY)
    return noNumber;
  return number <= most && number >= -most ? number : tooLarge;
}

const booleans = new Map<RowValue, boolean>([
  [null, false],
  [true, true],
  [false, false],
  [1, true],
  [0, false],
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
]);

function toBoolean(value: RowValue): boolean | Misfit {
  return booleans.get(typeof value === "string" ? value.toLowerCase() : value) ?? noTruth;
}
