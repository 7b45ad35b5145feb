// NCRONTAB as the Functions host reads it, in UTC: parse and next occurrence. No clock, no timers.

/** A schedule that knows its next occurrence; all instants in UTC. */
export interface Schedule {
  /** First occurrence strictly after `after`. */
  next(after: Date): Date;
}

interface Field {
  name: string;
  min: number;
  max: number;
  names?: readonly string[];
}

const MONTHS = "january february march april may june july august september october november december".split(" ");
const DAYS = "sunday monday tuesday wednesday thursday friday saturday".split(" ");

const SECOND: Field = { name: "second", min: 0, max: 59 };
const MINUTE: Field = { name: "minute", min: 0, max: 59 };
const HOUR: Field = { name: "hour", min: 0, max: 23 };
const DAY: Field = { name: "day", min: 1, max: 31 };
const MONTH: Field = { name: "month", min: 1, max: 12, names: MONTHS };
const WEEKDAY: Field = { name: "day of week", min: 0, max: 6, names: DAYS };

/** 29 February on one given weekday comes back after at most 40 years, 1900-type gaps included. */
const SEARCH_DAYS = 366 * 41;
const DAY_MS = 86_400_000;

/**
 * Parses six fields `{second} {minute} {hour} {day} {month} {day of week}`, or five without seconds: `*`, values, names of
 * three letters or more, lists, ranges, steps. Day and weekday must both match (NCRONTAB, unlike Unix cron).
 * Throws RangeError naming the field, also for a date that never comes.
 */
export function parseNcrontab(expression: string): Schedule {
  const parts = expression.trim().split(/\s+/);
  if (parts.length === 5) parts.unshift("0");
  const [second, minute, hour, day, month, weekday, more] = parts;
  if (weekday === undefined || second === undefined || more !== undefined) {
    throw new RangeError(`"${expression}" is not an NCRONTAB expression of six fields`);
  }
  const seconds = sorted(parseField(second, SECOND));
  const minutes = sorted(parseField(minute ?? "", MINUTE));
  const hours = sorted(parseField(hour ?? "", HOUR));
  const days = parseField(day ?? "", DAY);
  const months = parseField(month ?? "", MONTH);
  const weekdays = parseField(weekday, WEEKDAY);

  const onDay = (date: Date): boolean =>
    months.has(date.getUTCMonth() + 1) && days.has(date.getUTCDate()) && weekdays.has(date.getUTCDay());

  /** Seconds since midnight of the first time of day at or after `from`'s. */
  const timeFrom = (from: Date): number | undefined => {
    for (const h of hours.filter((value) => value >= from.getUTCHours())) {
      const sameHour = h === from.getUTCHours();
      for (const m of minutes.filter((value) => !sameHour || value >= from.getUTCMinutes())) {
        const sameMinute = sameHour && m === from.getUTCMinutes();
        const s = seconds.find((value) => !sameMinute || value >= from.getUTCSeconds());
        if (s !== undefined) return (h * 60 + m) * 60 + s;
      }
    }
    return undefined;
  };

  const next = (after: Date): Date => {
    const from = new Date(Math.floor(after.getTime() / 1000) * 1000 + 1000);
    const start = Date.UTC(from.getUTCFullYear(), from.getUTCMonth(), from.getUTCDate());
    for (let n = 0; n <= SEARCH_DAYS; n += 1) {
      const midnight = new Date(start + n * DAY_MS);
      if (!onDay(midnight)) continue;
      const time = timeFrom(n === 0 ? from : midnight);
      if (time !== undefined) return new Date(midnight.getTime() + time * 1000);
    }
    throw new RangeError(`"${expression}" never occurs`);
  };

  // Finds a date that never comes while the host starts, not at the first run.
  next(new Date(0));
  return { next };
}

function sorted(values: ReadonlySet<number>): number[] {
  return [...values].sort((a, b) => a - b);
}

function parseField(text: string, field: Field): Set<number> {
  const values = new Set<number>();
  for (const item of text.split(",")) {
    const [range = "", step, extra] = item.split("/");
    if (extra !== undefined) throw unreadable(field, item);
    const every = step === undefined ? 1 : whole(step, field, item);
    if (every < 1) throw unreadable(field, item);
    const [from, to] = parseRange(range, step !== undefined, field, item);
    for (let value = from; value <= to; value += every) values.add(value);
  }
  return values;
}

/** `a/n` runs from a to the field's end, as NCRONTAB has it; a range that runs backwards is refused rather than guessed. */
function parseRange(text: string, hasStep: boolean, field: Field, item: string): [number, number] {
  if (text === "*") return [field.min, field.max];
  const [first = "", last, extra] = text.split("-");
  if (extra !== undefined) throw unreadable(field, item);
  const from = parseValue(first, field, item);
  const to = last === undefined ? (hasStep ? field.max : from) : parseValue(last, field, item);
  if (to < from) throw unreadable(field, item);
  return [from, to];
}

function parseValue(text: string, field: Field, item: string): number {
  const byName = text.length < 3 ? -1 : (field.names?.findIndex((name) => name.startsWith(text.toLowerCase())) ?? -1);
  const value = byName >= 0 ? byName + field.min : whole(text, field, item);
  if (value < field.min || value > field.max) throw unreadable(field, item);
  return value;
}

function whole(text: string, field: Field, item: string): number {
  if (!/^\d{1,4}$/.test(text)) throw unreadable(field, item);
  return Number(text);
}

function unreadable(field: Field, item: string): RangeError {
  return new RangeError(`${field.name} "${item}" is not one of ${field.min}-${field.max}`);
}
