/** Asks at the first call, and gives the same answer, or failure, to every other. */
export function once<T>(ask: () => T): () => T {
  let asked: { answer: T } | undefined;
  return () => {
    asked ??= { answer: ask() };
    return asked.answer;
  };
}
