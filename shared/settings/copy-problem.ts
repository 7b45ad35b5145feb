// What goes wrong on a value's way into a setting: references that nobody resolved, and what copying adds to a secret. Never shows the value.

import type { SettingsProblem } from "../errors.js";
import type { SettingDefinition } from "./schema.js";

type Wrong = Pick<SettingsProblem, "problem" | "fix">;

/** What happened to `value` on its way, and how to mend it; undefined: nothing that can be seen. */
export function copyProblem(
  setting: string,
  { secret }: Pick<SettingDefinition, "secret">,
  value: string,
): Wrong | undefined {
  if (/^\s*@Microsoft\.KeyVault\(/i.test(value)) {
    return {
      problem: "is a Key Vault reference that was not resolved",
      fix: `Put the secret into the vault, let the app's identity read it (Key Vault Secrets User), and restart the app; the portal shows the reason under environment variables, ${setting}.`,
    };
  }
  if (!secret) return undefined;
  // A key file ends with a line break and has many; it is read as it is.
  const isKeyFile = value.includes("-----BEGIN ");
  const text = isKeyFile ? value.trim() : value;
  if (/^(["'`]).*\1$/s.test(text.trim())) {
    return {
      problem: "stands in quotes",
      fix: "Set it without the quotes around it; they came along when it was copied.",
    };
  }
  if (isKeyFile) return undefined;
  if (text !== text.trim()) {
    return {
      problem: "begins or ends with white space or a line break",
      fix: "Set it again without: a file written with echo ends with a line break, printf '%s' does not.",
    };
  }
  if (/[\r\n]/.test(text)) {
    return {
      problem: "has a line break in the middle",
      fix: "Set it again in one line; it was copied from a page that wrapped it.",
    };
  }
  return undefined;
}
