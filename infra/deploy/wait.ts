/** How long to wait for something in Azure, and how often to look. */
export interface Patience {
  withinMs: number;
  everyMs: number;
}

/** Asks until the answer is not undefined; undefined when the time is over. What `ask` throws ends the waiting. */
export async function waitFor<T>(
  ask: () => Promise<T | undefined>,
  { withinMs, everyMs }: Patience,
): Promise<T | undefined> {
  const until = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || Date.now() > until) return answer;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
