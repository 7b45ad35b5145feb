// Files against what is in force: plan, publish, promote, roll back. Each answers its exit code, says what it does through `say`, and can be run again after
// it was killed at any line. Files from what is in force are pull.ts.

import { SettingsError, SyncError, safeMessage, UnavailableError } from "../../shared/errors.js";
import type { Outcome } from "./app.js";
import { type DocumentFile, readDocuments, readSeen, saveSeen, saveSeenVersion } from "./folder.js";
import { restorePlaceholders, strayValues } from "./placeholders.js";
import { makePlan, type Plan, type Target } from "./plan.js";
import { estimateLine, outcomeLine, planLines, versionLine } from "./plan-lines.js";
import { exitCodes, type Workplace } from "./workplace.js";

/** How a publication is made. `over`: the version that was looked at and is to be replaced, instead of the one last seen from here. */
export interface PublishOptions {
  remove: readonly string[];
  over: number | undefined;
  note: string | undefined;
  by: string | undefined;
}

/** Says what publishing the files would change, and changes nothing. */
export async function plan(workplace: Workplace, target: Target, remove: readonly string[]): Promise<number> {
  return exitOf(await planAndTell(workplace, target, filesIn(workplace.folder, remove), remove));
}

/** Publishes the files. Nothing is published over a version that nobody has looked at. */
export async function publish(workplace: Workplace, target: Target, options: PublishOptions): Promise<number> {
  const files = filesIn(workplace.folder, options.remove);
  const made = await planAndTell(workplace, target, files, options.remove);
  if (made.outcome.problems.length > 0) return exitCodes.failed;
  const version = made.differs ? await send(workplace, target, made, options) : made.current.version;
  saveSeen(workplace.folder, target.environment.name, version, files);
  return exitCodes.same;
}

/** Says what the documents of one environment would change in another one, with that one's values; publishes them only when told to. */
export async function promote(
  workplace: Workplace,
  from: Target,
  to: Target,
  options: PublishOptions & { publish: boolean },
): Promise<number> {
  const { folder, say } = workplace;
  const { name, values } = from.environment;
  const files = readDocuments(folder);
  const current = await from.app.current();
  const documents = current.documents.map((inForce, index): DocumentFile => {
    const table = current.tables[index] ?? "";
    const local = files.find((one) => one.table === table)?.document;
    return { file: `${name}: ${table}`, table, document: restorePlaceholders(inForce, local, values) };
  });
  say(`${name}: version ${current.version}, ${current.tables.length} tables`);
  const made = await planAndTell(workplace, to, documents, options.remove);
  for (const { file, document } of documents) {
    for (const { path, problem, fix } of strayValues(document, values, to.environment.values)) {
      say(`warning: ${file}: ${path} ${problem}. ${fix}`);
    }
  }
  if (!options.publish || made.outcome.problems.length > 0) return exitOf(made);
  if (made.differs) saveSeenVersion(folder, to.environment.name, await send(workplace, to, made, options));
  return exitCodes.same;
}

/** Lists versions, the newest first. */
export async function history({ say }: Workplace, { app }: Target): Promise<number> {
  const { inForce, versions, more } = await app.history(50);
  for (const one of versions) say(`${one.version === inForce ? "*" : " "} ${versionLine(one)}`);
  if (more) say("  older ones: GET /api/control/settings?before=…");
  return exitCodes.same;
}

/** Puts the documents of an older version in force again, as the next version. The files stay as they are. */
export async function rollBack(
  workplace: Workplace,
  target: Target,
  version: number,
  { note, by, over }: PublishOptions,
): Promise<number> {
  const { app, environment } = target;
  const [old, current] = [await app.version(version), await app.current()];
  const documents = old.documents.map((document, index): DocumentFile => {
    const table = old.tables[index] ?? "";
    return { file: `version ${version}: ${table}`, table, document };
  });
  const asItWas = { ...environment, values: {}, language: old.language };
  const gone = current.tables.filter((table) => !old.tables.includes(table));
  const made = await planAndTell(workplace, { app, environment: asItWas }, documents, gone);
  if (made.outcome.problems.length > 0) return exitCodes.failed;
  const basedOn = over ?? made.current.version;
  await follow(workplace, target, await sure(environment.name, app.rollBack(version, { note, by, basedOn })));
  return exitCodes.same;
}

/** An empty folder is the wrong folder: with it nothing would ever differ. */
function filesIn(folder: string, remove: readonly string[]): DocumentFile[] {
  const files = readDocuments(folder);
  if (files.length > 0 || remove.length > 0) return files;
  const fix = "pull first, or name the right one with --folder";
  throw new SettingsError([{ setting: folder, problem: "holds no mapping", fix }]);
}

async function planAndTell(
  { folder, say }: Workplace,
  target: Target,
  files: readonly DocumentFile[],
  remove: readonly string[],
): Promise<Plan> {
  const { app, environment } = target;
  const made = await makePlan(target, files, remove);
  const since = readSeen(folder, environment.name)?.version;
  const isNews = since !== undefined && since !== made.current.version;
  const { versions } = isNews ? await app.history(200) : { versions: [] };
  const later = versions.filter(({ version }) => version > (since ?? 0));
  for (const line of planLines(environment.name, made, since, later)) say(line);
  for (const { table, change } of made.outcome.changes) if (change === "changed") await tellEstimate(say, app, table);
  return made;
}

/** Publishes what was planned; answers the version in force then. */
async function send(
  workplace: Workplace,
  target: Target,
  made: Plan,
  { over, note, by }: PublishOptions,
): Promise<number> {
  const { app, environment } = target;
  const { version } = made.current;
  const basedOn = over ?? readSeen(workplace.folder, environment.name)?.version;
  if (basedOn !== version) {
    const problem =
      basedOn === undefined
        ? "nothing was ever pulled from it or published to it here"
        : over === undefined
          ? `version ${basedOn} was the last one seen from here`
          : `--over says ${over}`;
    const fix = `nothing was published: look at what differs above, and pull, or give --over ${version}`;
    throw new SettingsError([{ setting: `${environment.name}, version ${version}`, problem, fix }]);
  }
  const outcome = await sure(environment.name, app.publish(made.wanted, { note, by, basedOn }));
  await follow(workplace, target, outcome);
  return outcome.version;
}

/** An answer that was lost may be that of a publication that was made. */
async function sure(name: string, publication: Promise<Outcome>): Promise<Outcome> {
  try {
    return await publication;
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    const message = `${error.message}. Whether it was published is not known: run the same again, it is published once`;
    throw new UnavailableError(message, true, { environment: name }, error);
  }
}

const pauseMs = 1_000;
const mostPauses = 30;

/** Waits until an instance works by what was published, and says what follows. It is published, whatever is heard now. */
async function follow(
  { say, pause }: Workplace,
  { app, environment: { name } }: Target,
  outcome: Outcome,
): Promise<void> {
  say(outcomeLine(name, outcome));
  if (outcome.outcome !== "published") return;
  try {
    let at = await app.worksBy();
    for (let pauses = 0; at.version < outcome.version && pauses < mostPauses; pauses += 1) {
      if (pauses === 0) say(`${name}: still works by version ${at.version} …`);
      await pause(pauseMs);
      at = await app.worksBy();
    }
    const isThere = at.version >= outcome.version;
    say(`${name}: ${isThere ? "works by it" : `still works by version ${at.version}: look at /api/control/status`}`);
    if (at.isDryRun)
      say(`${name}: is on a dry run, and this publication is on paper, too: it does not hold for the real run`);
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    say(`${name}: cannot be asked whether it works by it: ${safeMessage(error)}`);
  }
  // The plan has told what those take that were mapped before.
  for (const { table, change } of outcome.changes) if (change === "new") await tellEstimate(say, app, table);
}

/** It is only an estimate: without one the rest goes on. */
async function tellEstimate(say: Workplace["say"], app: Target["app"], table: string): Promise<void> {
  try {
    say(estimateLine(table, await app.estimate(table)));
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    say(`  ${table}: what its replay takes cannot be said: ${safeMessage(error)}`);
  }
}

function exitOf({ differs, outcome }: Plan): number {
  if (outcome.problems.length > 0) return exitCodes.failed;
  return differs ? exitCodes.differs : exitCodes.same;
}
