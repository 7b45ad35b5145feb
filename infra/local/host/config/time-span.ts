const PATTERN = /^(-)?(?:(\d{1,8})\.)?(\d{1,8}(?::\d{1,2}){1,3})(?:\.(\d{1,7}))?$/;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Milliseconds of a .NET time span such as `00:05:00`, `1.02:00:00` or `00:00:00.250`; undefined for any other text.
 * As in .NET, a first part of 24 or more counts days: `25:00:00` is 25 days, not 25 hours.
 */
export function parseTimeSpan(text: string): number | undefined {
  const match = PATTERN.exec(text.trim());
  if (!match) return undefined;
  const [, sign, days, clock = "", fraction = "0"] = match;
  const parts = clock.split(":").map(Number);
  const daysInClock = parts.length === 4 || (parts.length === 3 && (parts[0] ?? 0) >= 24);
  if (daysInClock && days !== undefined) return undefined;
  const [wholeDays = 0, hours = 0, minutes = 0, seconds = 0] = daysInClock ? parts : [Number(days ?? 0), ...parts];
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const total = wholeDays * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND;
  const milliseconds = Math.floor(Number(fraction.padEnd(7, "0")) / 10_000);
  return sign ? -(total + milliseconds) : total + milliseconds;
}

/** The .NET spelling of a time span in milliseconds: `14.00:00:00`, `00:00:30`, `00:00:00.2500000`. */
export function formatTimeSpan(ms: number): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const rest = Math.abs(ms);
  const days = Math.floor(rest / DAY);
  const clock = [
    Math.floor((rest % DAY) / HOUR),
    Math.floor((rest % HOUR) / MINUTE),
    Math.floor((rest % MINUTE) / SECOND),
  ];
  const fraction = Math.floor(rest % SECOND);
  const text = `${days > 0 ? `${days}.` : ""}${clock.map(two).join(":")}`;
  return `${ms < 0 ? "-" : ""}${text}${fraction > 0 ? `.${String(fraction).padStart(3, "0")}0000` : ""}`;
}
