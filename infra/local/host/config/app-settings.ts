// App settings: the file local.settings.json, and settings named inside bindings and host.json. Reads no function, starts nothing.
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { HostRefusal } from "./host-refusal.js";

/** Environment as the app and the host see it. */
export type Environment = Record<string, string | undefined>;

const settingsFileSchema = z.object({
  IsEncrypted: z.literal(false).optional(),
  Values: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).default({}),
});

/**
 * The `Values` of a local.settings.json. Throws HostRefusal when the file cannot be read, is not JSON, or is encrypted
 * (only Core Tools can open those).
 */
export async function readSettingsFile(path: string): Promise<Record<string, string>> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new HostRefusal([`settings file cannot be read as JSON: ${path}`], { cause });
  }
  const parsed = settingsFileSchema.safeParse(content);
  if (!parsed.success) {
    const where = parsed.error.issues.map((issue) => issue.path.join(".") || "the file").join(", ");
    throw new HostRefusal([
      `settings file ${path}: not understood at ${where} (an encrypted file cannot be used here)`,
    ]);
  }
  return parsed.data.Values;
}

/** Adds `values` to `target`; what `target` has already wins, as with Core Tools. */
export function addMissingSettings(target: Environment, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) target[name] ??= value;
}

/** Replaces every `%NAME%` in a binding's text. Throws HostRefusal naming the setting that is missing or empty. */
export function resolveSettings(text: string, environment: Environment, usedBy: string): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = environment[name];
    if (!value) throw new HostRefusal([`${usedBy} uses %${name}%: set the app setting ${name}`]);
    return value;
  });
}
