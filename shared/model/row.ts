/**
 * One value of a Dataverse row in the one spelling this product uses inside, whatever door it came through:
 * picklists and states as their number, lookups as the GUID, date-only as `yyyy-mm-dd`, date and time as
 * `yyyy-mm-ddThh:mm:ssZ` in UTC, Money and Decimal as number, multi-select as `1,3`. Null: known to be empty.
 */
export type RowValue = string | number | boolean | null;

/** Some columns of one row by logical name. A column that is not there is unknown, which is not the same as null. */
export type Row = Readonly<Record<string, RowValue>>;
