import { beforeEach, describe, expect, it } from "vitest";
import { type EventSystems, idsOf, makeEventSystems, upTo } from "./event-systems.js";

let systems: EventSystems;
/** Answers of Dynamics to batches, in order. */
let answers: number[];
beforeEach(async () => {
  systems = await makeEventSystems({ contacts: 300, switches: { tokenLifetimeSeconds: 600, dopHint: 1 } });
  answers = [];
});

/** Something happens right before the batch with this number, counted from 1, goes out. */
function beforeBatch(number: number, happens: () => void): void {
  let batches = 0;
  systems.between = async (request, pass) => {
    if (!request.url.pathname.endsWith("/$batch")) return pass();
    batches += 1;
    if (batches === number) happens();
    const came = await pass();
    answers.push("status" in came ? came.status : 0);
    return came;
  };
}

describe("B16: the token is stale when a batch is sent at last, and the batch is answered 401", () => {
  it("sends batches that waited for longer than a token lives with a token that is good then", async () => {
    const expected = systems.happen("click", upTo(300));
    const { sleep } = systems.clock;
    // While a batch is carried out, those in line behind it see most of a token's life go by.
    systems.between = async (request, pass) => {
      const came = await pass();
      if (request.url.pathname.endsWith("/$batch")) {
        answers.push("status" in came ? came.status : 0);
        await sleep(400_000);
      }
      return came;
    };

    for (let isDone = false; !isDone; ) isDone = (await systems.pull()).upToDate;

    expect(answers).not.toContain(401);
    expect(systems.failures).toEqual([]);
    expect(idsOf(systems.activities())).toEqual(expected.sort());
  });

  it("repeats a batch that was answered 401 once, with a fresh token, and loses and doubles nothing", async () => {
    const expected = systems.happen("click", upTo(150));
    beforeBatch(2, () => {
      systems.core.command?.("revoke-tokens", {});
      // Tokens say in whole seconds when they were given out.
      systems.clock.advance(1_000);
    });

    const result = await systems.pull();

    expect(answers.filter((status) => status === 401).length).toBeGreaterThan(0);
    expect(result).toMatchObject({ written: 150, refused: 0, upToDate: true });
    expect(idsOf(systems.activities())).toEqual(expected.sort());
    expect(systems.rows("tasks")).toHaveLength(150);
  });
});
