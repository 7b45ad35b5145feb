// Silence is not health: what is wrong with the way of the e-mail events to us, in words for an operator (design.md §4, facts/campaign.md §8, §10).
// The verdict is pure; what it rests on is asked for in event-probes.ts and by the flow.

import type { EventFinding, EventsKnown } from "../flows/egress-ports.js";

/** A workflow of Campaign; `missing`: there is none of this id. States as Campaign spells them (unconfirmed); empty: it does not say. */
export type WorkflowSeen = { id: string; state: string } | { id: string; missing: true };

/** What is known; instants are ISO, what is not known is left out. */
export interface EventFacts extends EventsKnown {
  now: string;
  /** Change of the oldest row that is still there. */
  oldestChange?: string;
  /** Newest row that was staged, whatever it was about. */
  newestChange?: string;
  /** Latest e-mail that Campaign says it sent to anybody. */
  lastSend?: string;
  workflows: readonly WorkflowSeen[];
  /** Names of files that were put aside and still lie there. */
  rejected?: readonly string[];
  /** What reading or the probe of the filter ended with. */
  refused?: { code: string; message: string };
}

/** When silence becomes news. `lateMs`: how long after a send its row may come; `noKeyShare` of rows without a key. */
export interface EventTolerance {
  lateMs: number;
  noKeyShare: number;
  /** Fewer rows say nothing about shares. */
  fewRows: number;
}

/** Workflows run every 10 to 15 minutes, and logs reach them every 10 (facts/campaign.md §8.1, §8.3). */
export const usualTolerance: EventTolerance = { lateMs: 60 * 60_000, noKeyShare: 0.05, fewRows: 100 };

const guide = "docs/campaign-setup.md";

/** Everything that is wrong, the worst first; nothing: as far as can be seen, events come. */
export function judgeEvents(facts: EventFacts, tolerance: EventTolerance = usualTolerance): EventFinding[] {
  return [
    ...judgeRefusal(facts),
    ...judgePurge(facts, tolerance),
    ...judgeFiles(facts),
    ...facts.workflows.flatMap(judgeWorkflow),
    ...judgeSilence(facts, tolerance),
    ...judgeShares(facts, tolerance),
  ];
}

const refusals: ReadonlyMap<string, Pick<EventFinding, "code" | "fix">> = new Map(
  (
    [
      ["filter-missing", "Make the filter, or set EVENTS_FILTER=none", "step 3"],
      ["filter-wrong", "Compare its rule and parameter with EVENTS_SINCE_PARAMETER and EVENTS_SINCE_FORMAT", "step 3"],
      ["order-wrong", "Set EVENTS_ORDER to the column of the row's last change", "step 1"],
      ["resource-missing", "Make and publish the resource", "steps 1 and 2"],
    ] as const
  ).map(([code, what, where]) => [code, { code, fix: `${what} (${guide}, egress, ${where}).` }]),
);

function judgeRefusal({ refused }: EventFacts): EventFinding[] {
  const known = refused && refusals.get(refused.code);
  return known ? [{ code: known.code, message: refused.message, fix: known.fix }] : [];
}

/**
 * The row that the checkpoint stands at is no longer there, and nothing says that all others of its time had been read: they may have gone with
 * it. That a purge ran is not enough, nor that the oldest row is a new one.
 */
function judgePurge(
  { now, caughtUpAt, since, oldestChange, lost }: EventFacts,
  { lateMs }: EventTolerance,
): EventFinding[] {
  const before = lost ? [purged(lost.from, lost.to)] : [];
  if (since === undefined || oldestChange === undefined || oldestChange <= since) return before;
  const read = caughtUpAt !== undefined && caughtUpAt > since ? caughtUpAt : since;
  if (oldestChange <= read || ms(now) - ms(read) < lateMs) return before;
  return [...before, purged(read, oldestChange)];
}

function purged(from: string, to: string): EventFinding {
  return {
    code: "purged-before-read",
    about: from,
    message: `rows that changed between ${from} and ${to} were purged before they were read, if there were any`,
    fix: `Keep rows longer than this product may stand still (${guide}, egress, step 6). What is still in Campaign's logs can be staged once more.`,
    lost: { from, to },
  };
}

function judgeFiles({ rejected = [] }: EventFacts): EventFinding[] {
  const [first] = rejected;
  if (first === undefined) return [];
  return [
    {
      code: "files-rejected",
      message: `files could not be read and were put aside (${rejected.length}, ${first} first): none of their events came to Dynamics`,
      fix: `Give them the columns that EVENTS_FIELDS names and move them back, or delete them (${guide}, egress by files).`,
    },
  ];
}

/** What a workflow that does its work may be called (unconfirmed): anything else is news. */
const workingStates = /^(started|starting|running|pending|start)$/i;

function judgeWorkflow(workflow: WorkflowSeen): EventFinding[] {
  if ("missing" in workflow) {
    const message = `Campaign knows no workflow ${workflow.id}`;
    const about = workflow.id;
    return [
      {
        code: "workflow-missing",
        about,
        message,
        fix: `Compare its ID with EVENTS_WORKFLOWS (${guide}, egress, step 4).`,
      },
    ];
  }
  // An instance that does not say is no news; that no rows come would be.
  if (workflow.state === "" || workingStates.test(workflow.state)) return [];
  const message = `the workflow ${workflow.id} is ${workflow.state}`;
  const fix = `Start it in Campaign soon: it picks up what it missed only as far back as its logs reach (${guide}, egress, step 4).`;
  return [{ code: "staging-stopped", about: workflow.id, message, fix }];
}

function judgeSilence({ now, newestChange, lastSend }: EventFacts, { lateMs }: EventTolerance): EventFinding[] {
  if (lastSend === undefined || ms(now) - ms(lastSend) < lateMs) return [];
  if (newestChange !== undefined && newestChange >= lastSend) return [];
  return [
    {
      code: "no-events-while-delivering",
      message: `Campaign sent e-mails at ${lastSend}, and ${newestChange === undefined ? "no event was ever staged" : `the last row was staged at ${newestChange}`}`,
      fix: `Look at the journals of the workflows that stage events (${guide}, egress, step 4).`,
    },
  ];
}

function judgeShares({ counts }: EventFacts, { noKeyShare, fewRows }: EventTolerance): EventFinding[] {
  if (!counts) return [];
  const all = counts.events + counts.noKey + counts.malformed;
  if (all < fewRows) return [];
  const findings: EventFinding[] = [];
  if (counts.noKey / all > noKeyShare) {
    findings.push({
      code: "no-key-on-profiles",
      message: `${percent(counts.noKey / all)} of the rows are about profiles without a key; they reach no contact`,
      fix: `These profiles did not come from Dynamics, or the workflow does not copy the key (${guide}, egress, step 4).`,
    });
  }
  if (counts.malformed / all > noKeyShare) {
    findings.push({
      code: "malformed-rows",
      message: `${percent(counts.malformed / all)} of the rows cannot be read`,
      fix: `Compare the columns with EVENTS_FIELDS, and the spelling of times (${guide}, egress, step 1).`,
    });
  }
  return findings;
}

function ms(instant: string): number {
  return Date.parse(instant);
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}
