// Where opt-outs that changed in Campaign are read from (design.md §5). Adapters: campaign/opt-out-source.ts (REST), campaign/opt-out-files.ts (the daily files).

/** A profile whose opt-outs may have changed: a doorbell; the lane reads both sides afresh. `movedAt`: the latest of its opt-out times (ISO). */
export interface MovedProfile {
  key: string;
  movedAt: string;
}

/** One page. Without `next` (opaque) it was the last for now. `withoutKey` counts profiles that carry no key. `receipt`: for `acknowledge`. */
export interface MovedPage {
  profiles: readonly MovedProfile[];
  withoutKey: number;
  malformed: number;
  next?: string;
  receipt?: string;
}

/** Profiles whose opt-outs moved. Every method may throw AuthError, ThrottledError, UnavailableError, TableError. */
export interface OptOutSource {
  /** Profiles one of whose opt-out times is `since` (ISO) or later; without it, all that ever had one. The same profile may come again. */
  readMoved(since: string | undefined, cursor: string | undefined, size: number): Promise<MovedPage>;
  /** Says that what the page with this receipt showed is queued for good. Saying it twice is saying it once. */
  acknowledge?(receipt: string): Promise<void>;
}
