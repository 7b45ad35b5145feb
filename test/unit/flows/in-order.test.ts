import { describe, expect, it } from "vitest";
import { inOrder } from "../../../shared/flows/in-order.js";

/** Numbers from 1; noted when they are taken. */
async function* numbers(count: number, taken: number[] = []): AsyncGenerator<number> {
  for (let number = 1; number <= count; number += 1) {
    taken.push(number);
    yield number;
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function turns(count: number): Promise<void> {
  for (let passed = 0; passed < count; passed += 1) await turn();
}

async function collect(results: AsyncIterable<[number, string]>, into: string[] = []): Promise<string[]> {
  for await (const [, result] of results) into.push(result);
  return into;
}

describe("working on several things at once", () => {
  it("hands results over in the order of the items, though later ones are done first", async () => {
    const slowFirst = async (number: number): Promise<string> => {
      await turns(10 - number);
      return `done ${number}`;
    };

    const results = await collect(inOrder(numbers(5), 3, slowFirst));

    expect(results).toEqual(["done 1", "done 2", "done 3", "done 4", "done 5"]);
  });

  it("never has more under way than allowed, and reads no further ahead", async () => {
    const taken: number[] = [];
    let [underWay, most, ahead, done] = [0, 0, 0, 0];

    await collect(
      inOrder(numbers(20, taken), 4, async (number) => {
        underWay += 1;
        most = Math.max(most, underWay);
        ahead = Math.max(ahead, taken.length - done);
        await turns(5 + (number % 3));
        underWay -= 1;
        done += 1;
        return "";
      }),
    );

    expect([most, ahead]).toEqual([4, 4]);
  });

  it("works on one at a time when one is allowed, each handed over before the next is taken", async () => {
    const taken: number[] = [];
    const seen: string[] = [];

    for await (const [number] of inOrder(numbers(3, taken), 1, async () => "")) {
      seen.push(`${number} of ${taken.join()}`);
    }

    expect(seen).toEqual(["1 of 1", "2 of 1,2", "3 of 1,2,3"]);
  });

  it("hands over what came before an error, throws it when nothing is under way, and hands over nothing behind it", async () => {
    const over: number[] = [];
    const seen: string[] = [];

    const all = collect(
      inOrder(numbers(9), 3, async (number) => {
        if (number === 2) throw new Error("second");
        await turns(3 * number);
        over.push(number);
        return `done ${number}`;
      }),
      seen,
    );

    await expect(all).rejects.toThrow("second");
    expect(seen).toEqual(["done 1"]);
    expect(over).toEqual([1, 3, 4]);
  });

  it("hands over all that could be read before reading failed", async () => {
    const broken = async function* (): AsyncGenerator<number> {
      yield* numbers(2);
      throw new Error("no third");
    };
    const seen: string[] = [];

    const all = collect(
      inOrder(broken(), 3, async (number) => `done ${number}`),
      seen,
    );

    await expect(all).rejects.toThrow("no third");
    expect(seen).toEqual(["done 1", "done 2"]);
  });

  it("lets those under way end when nobody wants the rest", async () => {
    const over: number[] = [];

    for await (const [number] of inOrder(numbers(9), 3, async (own) => {
      await turns(own);
      over.push(own);
    })) {
      if (number === 1) break;
    }

    expect(over).toEqual([1, 2, 3]);
  });
});
