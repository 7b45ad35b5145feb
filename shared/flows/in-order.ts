/**
 * Works on up to `most` items at once, taking the next as soon as there is room, and hands over each with its result in the order of the items. An error of
 * an item, or of where the items come from, is thrown when everything before it has been handed over and nothing is under way any more.
 */
export async function* inOrder<In, Out>(
  items: AsyncIterable<In>,
  most: number,
  work: (item: In) => Promise<Out>,
): AsyncGenerator<[item: In, result: Out]> {
  const source = items[Symbol.asyncIterator]();
  const underWay: Promise<[In, Out]>[] = [];
  const begin = (item: In): void => {
    const doing = work(item).then((result): [In, Out] => [item, result]);
    // Thrown in its turn; until then nobody listens.
    doing.catch(() => {});
    underWay.push(doing);
  };
  let isOpen = true;
  let trouble: { error: unknown } | undefined;
  const take = async (): Promise<void> => {
    try {
      const { done, value } = await source.next();
      if (done) isOpen = false;
      else begin(value);
    } catch (error) {
      isOpen = false;
      trouble = { error };
    }
  };

  try {
    while (isOpen || underWay.length > 0) {
      while (isOpen && underWay.length < most) await take();
      const oldest = underWay.shift();
      if (oldest) yield await oldest;
    }
    if (trouble) throw trouble.error;
  } finally {
    await Promise.allSettled(underWay);
  }
}
