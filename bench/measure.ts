// Clocks and counters of the benches. One process loads another: on two cores the load takes its share of what is measured.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Does `work` for 0 … `count` - 1, `width` at a time, and answers how many were done a second. */
export async function ratePerSecond(count: number, width: number, work: (index: number) => Promise<unknown>) {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: width }, worker));
  return count / ((performance.now() - startedAt) / 1000);
}

/** How long `work` takes, in ms, and what it answers. */
export async function timed<Answer>(work: () => Promise<Answer>): Promise<{ ms: number; answer: Answer }> {
  const startedAt = performance.now();
  const answer = await work();
  return { ms: performance.now() - startedAt, answer };
}

/** The middle one of some numbers; NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Resident memory of a process, in MiB, as the operating system counts it. */
export function residentMiB(pid: number | undefined): number {
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)]).toString()) / 1024;
}

/** Processor time that a process has used so far, in ms: unlike its rates, this does not suffer from others on the machine. */
export function processorMs(pid: number | undefined): number {
  const stat = `/proc/${pid}/stat`;
  if (existsSync(stat)) {
    // Behind the name in parentheses; user and system time in ticks of 10 ms.
    const fields = readFileSync(stat, "utf8").split(") ")[1]?.split(" ") ?? [];
    return 10 * (Number(fields[11]) + Number(fields[12]));
  }
  const [seconds = 0, minutes = 0, hours = 0] = execFileSync("ps", ["-o", "time=", "-p", String(pid)])
    .toString()
    .trim()
    .split(":")
    .map(Number)
    .reverse();
  return 1000 * (seconds + 60 * minutes + 3600 * hours);
}
