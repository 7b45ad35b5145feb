// The settings that hold now, for everything that works by them: the pointer is read at most once a second, mappings are compiled once. Never goes
// back to an older version. Implements the port SettingsSource over settings-versions.ts.

import { UnavailableError } from "../errors.js";
import type { SettingsInForce, SettingsSource } from "../flows/ports.js";
import type { CompiledMapping } from "../mapping/compile.js";
import { compileText } from "../mapping/compile-text.js";
import type { Clock } from "../model/clock.js";
import type { SettingsVersion, SettingsVersions } from "./settings-versions.js";

/** Settings may be this old, in ms, when `current` answers them; a publisher waits longer before work relies on its version. */
export const settingsAgeMs = 1_000;

interface Known extends SettingsInForce {
  /** When the reading began that found this version in force, epoch ms. */
  readAt: number;
  /** By the hash of the document: an unchanged document keeps its compiled mapping over publications. */
  compiled: ReadonlyMap<string, CompiledMapping>;
}

/** The settings in force of one process. */
export function makeSettingsSource(
  versions: Pick<SettingsVersions, "inForce" | "read">,
  clock: Pick<Clock, "now">,
): SettingsSource {
  let known: Known | undefined;
  let reading: Promise<SettingsInForce> | undefined;

  const readAnew = async (): Promise<SettingsInForce> => {
    const readAt = clock.now();
    const { version } = await versions.inForce();
    const before = known;
    if (before && version <= before.version) {
      known = { ...before, readAt: Math.max(readAt, before.readAt) };
      return known;
    }
    const next = await load(version, before);
    // Another reading may have been faster, and newer.
    if (!known || known.version < next.version) known = { ...next, readAt };
    return known;
  };
  const load = async (version: number, before: Known | undefined): Promise<Omit<Known, "readAt">> => {
    const settings = await versions.read(version);
    if (!settings) throw new UnavailableError(`table settings: version ${version} is in force but not there`, false);
    const compiled = compile(settings, before?.compiled ?? new Map());
    const mappings = new Map([...compiled.values()].map((mapping) => [mapping.table.name, mapping]));
    return { version, mappings, compiled };
  };
  const current = async (): Promise<SettingsInForce> => {
    if (known && clock.now() - known.readAt < settingsAgeMs) return known;
    reading ??= readAnew().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  return {
    current,
    async atLeast(version) {
      const now = await current();
      if (now.version >= version) return now;
      const anew = await readAnew();
      if (anew.version >= version) return anew;
      throw new UnavailableError(
        `table settings: somebody works by version ${version}, but version ${anew.version} is in force here`,
        false,
        { version, inForce: anew.version },
      );
    },
  };
}

/** By the hash of their documents. A document that this app does not understand was published by a newer one, which will work with it. */
function compile(
  { version, documents, texts }: SettingsVersion,
  before: ReadonlyMap<string, CompiledMapping>,
): ReadonlyMap<string, CompiledMapping> {
  const compileOne = (text: string): CompiledMapping => {
    const compiled = compileText(text);
    if ("mapping" in compiled) return compiled.mapping;
    throw new UnavailableError(
      `table settings: this app does not understand version ${version} (${compiled.problem}): deploy the app that published it, or publish again`,
      false,
      { version },
    );
  };
  return new Map(
    documents.map(({ hash }, index) => [hash, before.get(hash) ?? compileOne(String(texts[index]))] as const),
  );
}
