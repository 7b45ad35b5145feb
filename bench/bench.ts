// What a bench is. The benches themselves are in the folders beside this file, running them is main.ts.

/** One number that was measured. `name` starts with the part it is about; a goal of null means: reported, nothing was asked. */
export interface Result {
  name: string;
  value: number;
  unit: string;
  goal: number | null;
  better: "higher" | "lower";
}

/** What a bench is told. */
export interface BenchOptions {
  /** The sizes that issue texts name, rather than ones that take a minute. */
  full: boolean;
  /** Says what it is doing, for whoever waits. */
  say(line: string): void;
}

/** Something that measures and answers; it leaves no process behind. */
export interface Bench {
  name: string;
  run(options: BenchOptions): Promise<Result[]>;
}

/** A rate of `unit` a second, with nothing asked of it unless a goal is given. */
export const rate = (name: string, perSecond: number, unit = "requests/s", goal: number | null = null): Result => ({
  name,
  value: perSecond,
  unit,
  goal,
  better: "higher",
});

/** Whether the result reaches its goal; without a goal there is nothing to miss. */
export function reachesGoal({ value, goal, better }: Result): boolean {
  if (goal === null) return true;
  return better === "higher" ? value >= goal : value <= goal;
}
