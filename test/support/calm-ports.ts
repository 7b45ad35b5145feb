// Ports of a world without operators and without outages, for tests that are about something else.

import type { ControlSource, Gates, SettingsSource } from "../../shared/flows/ports.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";

/** Settings that a test may publish anew; the first ones are version 1. */
export function settingsOf(mappings: ReadonlyMap<string, CompiledMapping>): {
  source: SettingsSource;
  mappings(): ReadonlyMap<string, CompiledMapping>;
  publish(mappings: ReadonlyMap<string, CompiledMapping>): void;
} {
  let inForce = { version: 1, mappings };
  return {
    source: { current: async () => inForce, atLeast: async () => inForce },
    mappings: () => inForce.mappings,
    publish(next) {
      inForce = { version: inForce.version + 1, mappings: next };
    },
  };
}

/** Runs, and nothing is parked however much fails. */
export function openControl(): ControlSource {
  return {
    current: async () => ({ wanted: "running", drain: true, parked: new Map() }),
    failed: async () => {},
    park: async () => {},
    succeeded: async () => {},
  };
}

/** Gates that nothing closes. */
export function openGates(): Gates {
  return { admit: async () => undefined, trouble: async () => {}, fine: async () => {} };
}
