/** Where the files are, and where what is said goes. `schema`: the mapping's JSON Schema, for editors. */
export interface Workplace {
  folder: string;
  schema: string | undefined;
  say(line: string): void;
  pause(ms: number): Promise<void>;
}

/** Exit codes: nothing differs, or it is done; it cannot be done; something differs. */
export const exitCodes = { same: 0, failed: 1, differs: 2 } as const;
