import { describe, expect, it } from "vitest";
import { makeFaultEngine } from "../../../../infra/local/sim/fault-engine.js";
import { type HttpFault, parseFaults } from "../../../../infra/local/sim/fault-schema.js";

const engineWith = (...faults: HttpFault[]) => {
  const engine = makeFaultEngine({ startedAtMs: 1_000_000, seed: 3 });
  for (const [index, fault] of faults.entries()) engine.add(String(index), fault);
  return engine;
};
const profile = { method: "PATCH", path: "/acme/campaign/profileAndServicesExt/profile/@x1", search: "" };

describe("the fault engine", () => {
  it("strikes the requests whose method and end of path match, and no others", () => {
    const engine = engineWith({ on: "PATCH /profile/*", answer: { status: 500 } });

    const hits = [
      profile,
      { ...profile, method: "GET" },
      { ...profile, path: "/acme/profile/@x1/history" },
      { ...profile, path: "/acme/profile" },
    ].map((request) => engine.decide(request, 1_000_000) !== undefined);

    expect(hits).toEqual([true, false, false, false]);
  });

  it("holds a glob with a question mark against the query", () => {
    const engine = engineWith({ on: "GET /contacts?*deltatoken=*", answer: { status: 400 } });

    const withToken = engine.decide({ method: "GET", path: "/contacts", search: "$select=a&%24deltatoken=1" }, 0);
    const without = engine.decide({ method: "GET", path: "/contacts", search: "$select=a" }, 0);

    expect(withToken?.answer?.status).toBe(400);
    expect(without).toBeUndefined();
  });

  it("lets the first `after` requests through and strikes `times` of the rest", () => {
    const engine = engineWith({ on: "* **", after: 2, times: 2, lost: true });

    const lost = Array.from({ length: 6 }, () => engine.decide(profile, 1_000_000)?.lost ?? false);

    expect(lost).toEqual([false, false, true, true, false, false]);
    expect(engine.list()).toMatchObject([{ id: "0", seen: 6, struck: 2 }]);
  });

  it.each([
    { window: { from: 100, to: 200 }, struck: [false, true, false] },
    { window: { from: new Date(1_000_150).toISOString() }, struck: [false, true, true] },
    { window: { to: 150 }, struck: [true, false, false] },
  ])("strikes only inside its window $window", ({ window, struck }) => {
    const engine = engineWith({ on: "* **", delayMs: 5, ...window });

    const result = [1_000_050, 1_000_150, 1_000_250].map((at) => engine.decide(profile, at) !== undefined);

    expect(result).toEqual(struck);
  });

  it("strikes the same requests for the same seed, others for another, and about as many as the rate says", () => {
    const strikes = (seed: number) => {
      const engine = engineWith({ on: "* **", rate: 0.3, seed, reset: "before" });
      return Array.from({ length: 1000 }, () => engine.decide(profile, 1_000_000) !== undefined);
    };

    const [first, again, other] = [strikes(7), strikes(7), strikes(8)];

    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
    expect(first.filter(Boolean).length).toBeGreaterThan(240);
    expect(first.filter(Boolean).length).toBeLessThan(360);
  });

  it("adds delays up and lets the first final fault decide without using up the second", () => {
    const engine = engineWith(
      { on: "* **", delayMs: 10 },
      { on: "* **", answer: { status: 503 }, delayMs: 5, times: 1 },
      { on: "* **", lost: true, times: 1 },
    );

    const first = engine.decide(profile, 1_000_000);
    const second = engine.decide(profile, 1_000_000);

    expect(first).toEqual({ ids: ["0", "1"], delayMs: 15, answer: { status: 503 } });
    expect(second).toEqual({ ids: ["0", "2"], delayMs: 10, lost: true });
  });
});

describe("taking faults away", () => {
  it("removes one by its id, or all, after which the same fault strikes the same requests again", () => {
    const engine = engineWith({ on: "* **", delayMs: 1 }, { on: "* **", delayMs: 10 });
    const history = () => {
      engine.add("r", { on: "* **", rate: 0.5, lost: true });
      return Array.from({ length: 50 }, () => engine.decide(profile, 1_000_000)?.lost ?? false);
    };

    expect(engine.remove("0")).toBe(1);
    expect(engine.decide(profile, 1_000_000)?.delayMs).toBe(10);
    expect(engine.remove()).toBe(1);
    const first = history();
    engine.remove();
    expect(history()).toEqual(first);
    expect(new Set(first).size).toBe(2);
  });
});

describe("reading a fault", () => {
  it.each([
    [{ on: "PATCH /x", times: 0, lost: true }, "times"],
    [{ on: "PATCH /x", rate: 2, lost: true }, "rate"],
    [{ on: "patch /x", lost: true }, "on"],
    [{ on: "PATCH /x" }, "answer"],
    [{ on: "PATCH /x", answer: { status: 99 } }, "answer.status"],
    [{ on: "PATCH /x", answer: { status: 500 }, lost: true }, "lost"],
    [{ on: "PATCH /x", reset: "later" }, "reset"],
    [{ on: "PATCH /x", lost: true, from: "yesterday" }, "from"],
    [{ on: "PATCH /x", lost: true, typo: 1 }, "typo"],
    [[{ on: "PATCH /x", lost: true }, { on: 5 }], "[1].on"],
  ])("refuses %j with a message that names %s", (fault, field) => {
    expect(() => parseFaults(fault)).toThrow(field);
  });

  it("takes a fault without a method as one of the core's and keeps its own members", () => {
    const faults = parseFaults({ on: "webhook", double: true, shuffleMs: 500, times: 3 });

    expect(faults).toEqual([{ on: "webhook", double: true, shuffleMs: 500, times: 3 }]);
  });
});
