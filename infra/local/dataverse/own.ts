/** The member of a record that was put there; never `constructor` and its like, whatever name a client sends. */
export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
