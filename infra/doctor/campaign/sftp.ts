import { AuthError, SyncError } from "../../../shared/errors.js";
import type { SftpSettings } from "../../../shared/settings/load.js";
import { openSftp, sftpStepMs } from "../../../shared/sftp/sftp-session.js";
import { type Check, type Finding, fail, ok, skipped } from "../check.js";
import type { CampaignPorts } from "./ports.js";

interface Folder {
  what: string;
  setting: string;
  folder: string;
  names: RegExp;
  account: SftpSettings;
}

/** Login, pinned host key and folder, where files are read. */
export function sftpCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "sftp",
    asks: "where files are read: login, pinned host key, folder?",
    after: "settings",
    async run() {
      const { events, optOuts } = ports().settings;
      const folders: Folder[] = [
        ...(events.from.by === "files" ? [{ what: "events", setting: "EVENTS_FILES", ...events.from }] : []),
        ...(optOuts.from.by === "files" ? [{ what: "opt-outs", setting: "OPTOUT_FILES", ...optOuts.from }] : []),
      ];
      if (folders.length === 0) return [skipped("nothing is read from files (EVENTS_SOURCE, OPTOUT_SOURCE)")];
      const findings: Finding[] = [];
      for (const folder of folders) findings.push(await look(folder));
      return findings;
    },
  };
}

async function look({ what, setting, folder, names, account }: Folder): Promise<Finding> {
  try {
    const session = await openSftp({ ...account, timeoutMs: sftpStepMs });
    try {
      const files = (await session.list(folder)).filter(({ name }) => names.test(name));
      return ok(`${what}: ${account.host} lets us in, ${files.length} files wait in ${folder}`);
    } finally {
      session.close();
    }
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    const guide = "docs/campaign-setup.md, egress by files, steps 1 and 2";
    const fix =
      error instanceof AuthError
        ? `Compare CAMPAIGN_SFTP_USER, CAMPAIGN_SFTP_KEY and CAMPAIGN_SFTP_HOST_KEY with the account; is this machine's address allowed in the Control Panel (${guide})?`
        : `Make the folder that ${setting} names and let the account list it; is CAMPAIGN_SFTP_HOST right (${guide})?`;
    return fail(`${what}: ${error.message}`, fix);
  }
}
