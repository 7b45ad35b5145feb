const formats = new Map<number, Intl.NumberFormat>();

/** A number in groups of three with so many decimals, as en-US writes it. */
export const toGroupedText = (value: number, digits: number): string => {
  const format =
    formats.get(digits) ??
    new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  formats.set(digits, format);
  return format.format(value);
};
