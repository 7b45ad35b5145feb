import { describe, expect, it } from "vitest";
import { type DryNote, type DryWrite, withLook, withWrite, wouldBeThere } from "../../../shared/model/dry-note.js";

const at = "2026-03-01T00:00:00.000Z";
type Write = DryWrite["outcome"];
const having = (...writes: readonly Write[]): DryNote | undefined =>
  writes.reduce<DryNote | undefined>(
    (note, outcome) => withWrite(note, { outcome, fields: ["lastName"] }, at),
    undefined,
  );

describe("writes that a dry run did not make", () => {
  it.each<{ writes: Write[]; outcome: DryNote["outcome"]; there: boolean }>([
    { writes: ["created"], outcome: "created", there: true },
    { writes: ["updated"], outcome: "updated", there: true },
    { writes: ["deleted"], outcome: "deleted", there: false },
    { writes: ["created", "created"], outcome: "created", there: true },
    { writes: ["created", "updated"], outcome: "created", there: true },
    { writes: ["created", "deleted"], outcome: "unchanged", there: false },
    { writes: ["created", "deleted", "created"], outcome: "created", there: true },
    { writes: ["created", "deleted", "deleted"], outcome: "unchanged", there: false },
    { writes: ["updated", "deleted"], outcome: "deleted", there: false },
    { writes: ["deleted", "created"], outcome: "updated", there: true },
    { writes: ["deleted", "deleted"], outcome: "deleted", there: false },
  ])("come together, $writes, to $outcome", ({ writes, outcome, there }) => {
    const note = having(...writes);

    expect(note?.outcome).toBe(outcome);
    expect(wouldBeThere(note)).toBe(there);
  });

  it("name each field once, and none of a record that is gone", () => {
    const first = withWrite(undefined, { outcome: "updated", fields: ["lastName", "email"] }, at);
    const second = withWrite(first, { outcome: "updated", fields: ["lastName"] }, at);
    const gone = withWrite(second, { outcome: "deleted", fields: [] }, at);

    expect(second.fields).toEqual(["email", "lastName"]);
    expect(gone.fields).toEqual([]);
  });

  it("forget the opt-outs of a record that went before it came again", () => {
    const optedOut = { outcome: "created", fields: [], optOuts: { email: { value: true, at: 1 } } } as const;
    const gone = withWrite(withWrite(undefined, optedOut, at), { outcome: "deleted", fields: [] }, at);

    const again = withWrite(gone, { outcome: "created", fields: [] }, at);

    expect(again.optOuts).toEqual({});
  });
});

describe("a look that brought no write", () => {
  it.each(["unchanged", "waits", "left"] as const)("leaves what would have been written as it is: %s", (outcome) => {
    expect(withLook(having("created"), { outcome }, at)).toBeUndefined();
  });

  it("shows a failure, with its reason, until something is written or looked at without one", () => {
    const failed = withLook(having("created"), { outcome: "failed", reason: "refused: no" }, at);
    const looked = withLook(failed, { outcome: "unchanged" }, at);

    expect(failed).toMatchObject({ outcome: "failed", reason: "refused: no" });
    expect(wouldBeThere(failed)).toBe(true);
    expect(looked).toMatchObject({ outcome: "created" });
    expect(looked).not.toHaveProperty("reason");
  });

  it("knows nothing of whether the record is there", () => {
    expect(wouldBeThere(withLook(undefined, { outcome: "unchanged" }, at))).toBeUndefined();
  });
});
