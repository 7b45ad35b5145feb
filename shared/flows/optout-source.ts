// Where opt-outs that changed in Campaign are read from (design.md §5). Adapters: campaign/opt-out-source.ts (REST), campaign/opt-out-files.ts (the daily files).

import type { CompiledMapping } from "../mapping/compile.js";
import type { CampaignOptOuts } from "../optout/attributes.js";

/**
 * A profile whose opt-outs may have changed: a doorbell; the lane reads both sides afresh. `movedAt` (ISO): the latest of its opt-out times or, where none
 * says so, of its own changes. `optOuts`: what it showed, to tell news from what is known; never written anywhere.
 */
export interface MovedProfile {
  key: string;
  movedAt: string;
  optOuts?: CampaignOptOuts;
}

/**
 * One page. Without `next` (opaque) it was the last for now, and then everything that changed before `upTo` (ISO, by Campaign's clock) has been shown;
 * without `upTo` nothing is said of that. `withoutKey` counts profiles that carry no key, `malformed` rows that cannot be read. `receipt`: for
 * `acknowledge`.
 */
export interface MovedPage {
  profiles: readonly MovedProfile[];
  withoutKey: number;
  malformed: number;
  next?: string;
  upTo?: string;
  receipt?: string;
  /** A part of the source that says nothing of profiles, and is put aside: which and why, safe to log. */
  rejected?: string;
}

/** Profiles whose opt-outs moved. Every method may throw AuthError, ThrottledError, UnavailableError, TableError. */
export interface OptOutSource {
  /**
   * Profiles of the mapping's resource one of whose opt-out times is `since` (ISO) or later; without it, all that ever had one. The same profile may come
   * again, and so may one of which nothing changed.
   */
  readMoved(
    mapping: CompiledMapping,
    since: string | undefined,
    cursor: string | undefined,
    size: number,
  ): Promise<MovedPage>;
  /** Looks for what the source does not show. TableError: the customer's filter hides an attribute, or files that were put aside still lie there; the message names which. */
  check?(mapping: CompiledMapping): Promise<void>;
  /** Says that what the page with this receipt showed is queued for good. Saying it twice is saying it once. */
  acknowledge?(receipt: string): Promise<void>;
  /** Ends what a run holds open; the next one opens it again. */
  close?(): void;
}
