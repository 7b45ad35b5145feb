import { describe, expect, it } from "vitest";
import { lastMaster, type MergedRow, mergedRowSchema, readMasters } from "../../../shared/dataverse/masters.js";
import { recordId } from "../../support/samples.js";

const [a, b, c] = [recordId(1), recordId(2), recordId(3)];

function reading(...rows: MergedRow[]) {
  const asked: string[][] = [];
  return {
    asked,
    masters: (...ids: (typeof a)[]) =>
      readMasters(ids, async (some) => {
        asked.push([...some]);
        return rows.filter(({ id }) => some.includes(id));
      }),
  };
}

describe("masters of merged rows", () => {
  it("are followed one read at a time, each row read once", async () => {
    const { asked, masters } = reading({ id: a, master: b }, { id: b, master: c }, { id: c, master: undefined });

    const rows = await masters(a, b);

    expect(lastMaster(a, rows)).toBe(c);
    expect(asked).toEqual([[a, b], [c]]);
  });

  it("end with the last one that is there", async () => {
    const { masters } = reading({ id: a, master: b }, { id: b, master: c });

    const rows = await masters(a);

    expect(lastMaster(a, rows)).toBe(b);
    expect(lastMaster(b, rows)).toBe(b);
  });

  it("end although two rows name each other", async () => {
    const { masters } = reading({ id: a, master: b }, { id: b, master: a });

    const rows = await masters(a);

    expect([a, b]).toContain(lastMaster(a, rows));
  });

  it("count only where the row says that it was merged", () => {
    const row = { contactid: a.toUpperCase(), merged: false, _masterid_value: b };

    expect(mergedRowSchema("contactid").parse(row)).toEqual({ id: a, master: undefined });
    expect(mergedRowSchema("contactid").parse({ ...row, merged: true })).toEqual({ id: a, master: b });
  });
});
