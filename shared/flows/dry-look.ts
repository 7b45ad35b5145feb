import { errorKind, safeMessage } from "../errors.js";
import type { DryLook } from "../model/dry-note.js";
import type { DryNotes } from "./dry-run-ports.js";
import type { Handled } from "./handle-message.js";

/** Notes what became of a record that was not written; a write is noted where it would have been made. Twice is once. */
export async function noteLook(notes: DryNotes, { envelope: { table, id }, result }: Handled): Promise<void> {
  const look = toLook(result);
  if (look) await notes.looked({ side: "campaign", table, id }, look);
}

function toLook(result: Handled["result"]): DryLook | undefined {
  switch (result.outcome) {
    case "created":
    case "updated":
    case "deleted":
    case "settled":
    case "stale":
    case "unchanged":
    case "gone":
      return { outcome: "unchanged" };
    case "left":
    case "filtered":
    case "unmapped":
      return { outcome: "left" };
    case "failed":
      return { outcome: "failed", reason: wordsOf(result.error) };
    case "parked":
    case "delayed":
      return { outcome: "waits", ...("error" in result && { reason: wordsOf(result.error) }) };
    // Nobody has looked at the record yet, or it comes again at once.
    case "held":
    case "sentAlone":
      return undefined;
  }
}

function wordsOf(error: unknown): string {
  return `${errorKind(error)}: ${safeMessage(error)}`;
}
