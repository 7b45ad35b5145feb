/** Lets requests in, up to the limits of host.json `extensions.http`; -1 means no limit. */
export interface Admission {
  /** Runs `work` now or when a place is free; undefined at once when too many requests are under way or waiting. */
  enter<T>(work: () => Promise<T>): Promise<T> | undefined;
}

/** `maxConcurrent` requests run, others wait in order; running and waiting together never exceed `maxOutstanding`. */
export function makeAdmission(maxConcurrent: number, maxOutstanding: number): Admission {
  const waiting: (() => void)[] = [];
  let running = 0;

  const takePlace = async (): Promise<void> => {
    if (maxConcurrent === -1 || running < maxConcurrent) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  };

  return {
    enter: (work) => {
      if (maxOutstanding !== -1 && running + waiting.length >= maxOutstanding) return undefined;
      return takePlace().then(work).finally(leave);
    },
  };
}
