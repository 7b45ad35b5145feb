// Days and instants as text, to text. Nothing here looks at the process's time zone. Hand-written checks for the one spelling that
// rows have, because a regular expression and a Date for every value would be most of the work of mapping a row.

/** The day of an ISO day or instant, `yyyy-mm-dd` in UTC. `zoneless`: a date and time without zone counts, its day is what it says. */
export function dayOf(text: string, zoneless: boolean): string | undefined {
  if (!beginsWithDay(text)) return undefined;
  if (text.length === 10) return text;
  if (isPlainTime(text) && (isUtc(text) || (zoneless && text.length === 19))) return text.slice(0, 10);
  return parseInstant(text, zoneless)?.toISOString().slice(0, 10);
}

/**
 * An ISO day or instant in Campaign's own spelling: a space instead of the T, milliseconds, Z (facts/campaign.md §3.4). A day is its
 * midnight UTC; a date and time without zone, where `zoneless` allows one, keeps its digits.
 */
export function instantOf(text: string, zoneless: boolean): string | undefined {
  if (!beginsWithDay(text)) return undefined;
  if (text.length === 10) return `${text} 00:00:00.000Z`;
  if (isPlainTime(text) && (isUtc(text) || (zoneless && text.length === 19))) {
    return `${text.slice(0, 10)} ${text.slice(11, 19)}.000Z`;
  }
  return parseInstant(text, zoneless)?.toISOString().replace("T", " ");
}

const isoInstant = /^.{10}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/;

/** Any other spelling of an instant in the years 0 to 9999. */
function parseInstant(text: string, zoneless: boolean): Date | undefined {
  const found = isoInstant.exec(text);
  const zone = found?.[3];
  if (!found || (zone === undefined && !zoneless)) return undefined;
  const instant = new Date(zone === undefined ? `${text}Z` : text);
  const year = instant.getUTCFullYear();
  return year >= 0 && year <= 9999 ? instant : undefined;
}

/** `yyyy-mm-dd…` of a day that exists (`Date` would make 2 March of 30 February). */
function beginsWithDay(text: string): boolean {
  if (text.length < 10 || text.charCodeAt(4) !== hyphen || text.charCodeAt(7) !== hyphen) return false;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

/** `…Thh:mm:ss` and nothing more than a `Z`. */
function isPlainTime(text: string): boolean {
  return (
    text.length <= 20 &&
    text.charCodeAt(10) === letterT &&
    text.charCodeAt(13) === colon &&
    text.charCodeAt(16) === colon &&
    twoDigits(text, 11) < 24 &&
    twoDigits(text, 14) < 60 &&
    twoDigits(text, 17) < 60
  );
}

function isUtc(text: string): boolean {
  return text.length === 20 && text.charCodeAt(19) === letterZ;
}

const [hyphen, colon, letterT, letterZ, zero] = [45, 58, 84, 90, 48];

/** The two digits at `at` as a number; NaN, which no comparison is true of, where they are none. */
function twoDigits(text: string, at: number): number {
  const [tens, ones] = [text.charCodeAt(at) - zero, text.charCodeAt(at + 1) - zero];
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
