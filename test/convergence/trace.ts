// What happened, in order, for a reader of a failing seed. Short lines; those about a record carry its id.

/** One thing that happened. */
export interface Happening {
  at: number;
  who: string;
  what: string;
  id: string | undefined;
}

/** The list of what happened. */
export interface Trace {
  add(who: string, what: string, id?: string): void;
  readonly all: readonly Happening[];
  /** Lines about this record and about no record in particular that matters (kills, acts, publications), the last `most`. */
  about(ids: readonly string[], most?: number): string;
}

/** Makes an empty trace. */
export function makeTrace(now: () => number, startedAt: number): Trace {
  const all: Happening[] = [];
  return {
    all,
    add(who, what, id) {
      all.push({ at: now(), who, what, id });
    },
    about(ids, most = 120) {
      const chosen = all.filter(({ id }) => id === undefined || ids.some((one) => id.includes(one)));
      const shown = chosen.slice(-most);
      const left = chosen.length - shown.length;
      const lines = shown.map(({ at, who, what, id }) => {
        const seconds = ((at - startedAt) / 1000).toFixed(3).padStart(10);
        return `${seconds}s ${who.padEnd(9)} ${what}${id === undefined ? "" : ` [${shortId(id)}]`}`;
      });
      return [...(left > 0 ? [`… ${left} earlier lines left out`] : []), ...lines].join("\n");
    },
  };
}

/** The part of an id by which the histories' ids differ. */
export function shortId(id: string): string {
  return id.replace(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-0*([0-9a-f]+)/g, "$1");
}
