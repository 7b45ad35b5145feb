import { describe, expect, it } from "vitest";
import { patienceMs, type WorkflowFacts, workflowState } from "../../../shared/control/workflow-state.js";

const now = Date.parse("2026-03-01T12:00:00Z");
const minute = 60_000;

function facts(changes: Partial<WorkflowFacts> = {}): WorkflowFacts {
  return {
    now,
    wanted: "running",
    drain: true,
    since: now - 60 * minute,
    quietMs: 91_000,
    waiting: 0,
    inHand: "a call may take effect",
    lastRunAt: now - minute,
    run: { name: "sweep", function: "ingress-sweep" },
    trouble: undefined,
    closedGates: [],
    ...changes,
  };
}

const gate = (age: number) => [{ peer: "campaign", since: now - age, reason: "no answer" }];

describe("the state of a workflow", () => {
  it.each<[string, Partial<WorkflowFacts>, string]>([
    ["runs and was swept a minute ago", {}, "RUNNING"],
    ["runs, was never told to, and was swept", { since: undefined }, "RUNNING"],
    ["was never swept", { since: undefined, lastRunAt: undefined }, "STARTING"],
    ["was started after the last sweep", { since: now - 1_000 }, "STARTING"],
    ["was started long ago and never swept since", { since: now - patienceMs - 1, lastRunAt: 1 }, "FAILED"],
    ["was swept too long ago", { lastRunAt: now - patienceMs - 1 }, "FAILED"],
    ["was swept long ago, but not too long", { lastRunAt: now - patienceMs }, "RUNNING"],
    ["cannot write at all", { trouble: "another environment" }, "FAILED"],
    ["has had a closed gate for a minute", { closedGates: gate(minute) }, "RUNNING"],
    ["has had a closed gate for too long", { closedGates: gate(patienceMs + 1) }, "FAILED"],
    ["is stopped and drains", { wanted: "stopped" }, "STOPPING"],
    ["is stopped and drains an empty queue", { wanted: "stopped", since: 0 }, "STOPPING"],
    ["was stopped a call's time ago", { wanted: "stopped", drain: false, since: now - 91_000 }, "STOPPING"],
    ["was stopped longer ago than any call", { wanted: "stopped", drain: false, since: now - 91_001 }, "STOPPED"],
    ["is stopped, with messages held", { wanted: "stopped", drain: false, since: 0, waiting: 9 }, "STOPPED"],
    ["is stopped, whatever the gates", { wanted: "stopped", drain: false, since: 0, closedGates: gate(1) }, "STOPPED"],
  ])("that %s", (_what, changes, expected) => {
    expect(workflowState(facts(changes)).state).toBe(expected);
  });

  it("comes with the reason when it is not simply running", () => {
    const { reasons } = workflowState(facts({ closedGates: gate(minute) }));

    expect(reasons).toEqual(["calls to campaign are held back: no answer"]);
  });
});
