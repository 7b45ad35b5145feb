// Which rows changed after a version, by an index that costs a write nothing but an append.

/** Ids in the order of their last version. */
export interface VersionLog {
  /** Versions have to grow from call to call. */
  append(version: number, id: string): void;
  /** Entries above `version` in ascending order that still are the last of their row. */
  since(version: number): Generator<{ version: number; id: string }>;
  /** Forgets everything above a version, for a transaction that is rolled back. */
  truncate(version: number): void;
  /** Drops overtaken entries when they are the majority. Only between transactions: a rollback may bring entries back to life. */
  tidy(): void;
}

/** Makes a log; `currentVersion` answers the version a row has now (undefined: none) and tells entries that were overtaken. */
export function makeVersionLog(
  currentVersion: (id: string) => number | undefined,
  liveCount: () => number,
): VersionLog {
  let versions: number[] = [];
  let ids: string[] = [];

  const compact = (): void => {
    const keptVersions: number[] = [];
    const keptIds: string[] = [];
    for (let index = 0; index < ids.length; index += 1) {
      const id = ids[index] ?? "";
      const version = versions[index] ?? 0;
      if (currentVersion(id) !== version) continue;
      keptVersions.push(version);
      keptIds.push(id);
    }
    versions = keptVersions;
    ids = keptIds;
  };

  const indexAbove = (version: number): number => {
    let low = 0;
    let high = versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((versions[middle] ?? 0) > version) high = middle;
      else low = middle + 1;
    }
    return low;
  };

  return {
    append(version, id) {
      versions.push(version);
      ids.push(id);
    },
    *since(version) {
      for (let index = indexAbove(version); index < ids.length; index += 1) {
        const id = ids[index] ?? "";
        const at = versions[index] ?? 0;
        if (currentVersion(id) === at) yield { version: at, id };
      }
    },
    truncate(version) {
      const length = indexAbove(version);
      versions.length = length;
      ids.length = length;
    },
    tidy() {
      // Paid for by the appends since the last time: the log is never much more than twice the table.
      if (ids.length > 2 * liveCount() + 1024) compact();
    },
  };
}
