// Apps whose settings are managed from files: each with its own control API over HTTP, its own tables and a Dataverse simulator.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSettingsApp } from "../../infra/settings/app.js";
import type { EnvironmentValues } from "../../infra/settings/environments.js";
import type { Target } from "../../infra/settings/plan.js";
import type { Workplace } from "../../infra/settings/workplace.js";
import { shippedDocuments } from "../../shared/mapping/shipped.js";
import { asker, makeControlWorld } from "./control-world.js";
import { startHttpServer } from "./http-server.js";
import { makePublishWorld } from "./publish-world.js";

type Json = Record<string, unknown>;
/** A document as a test looks at it. */
export interface Mapping extends Json {
  fields: Json[];
}

/** The key that apps take. */
export const settingsKey = "right";

/** One app. */
export interface ManagedApp extends Target {
  /** The answer of the next publication is lost. */
  lose(): void;
  inForce(): Promise<Mapping[]>;
  /** What the field `cusBrand` in force gets. */
  brand(): Promise<unknown>;
  /** What somebody else does, elsewhere. */
  publish(documents: readonly unknown[], basedOn?: number): Promise<void>;
}

/** Apps, and a folder for their files, inside `root`. `said` is all that commands said. */
export interface ManagedApps {
  root: string;
  folder: string;
  workplace: Workplace;
  said: string[];
  app(name: string, values?: EnvironmentValues): Promise<ManagedApp>;
  write(table: string, document: unknown, change?: (text: string) => string): void;
  read(table: string): Mapping;
  close(): Promise<void>;
}

/** The shipped mapping of contacts. */
export function contactMapping(): Mapping {
  return structuredClone(shippedDocuments[0]) as unknown as Mapping;
}

/** The same with a field whose value differs from environment to environment. */
export function branded(value: unknown): Mapping {
  const document = contactMapping();
  document.fields.push({ source: { constant: value }, target: "cusBrand", type: "string" });
  return document;
}

/** Makes a folder and no app yet. */
export function makeManagedApps(): ManagedApps {
  const root = mkdtempSync(join(tmpdir(), "settings-"));
  const folder = join(root, "mappings");
  mkdirSync(folder);
  const said: string[] = [];
  const closing: (() => Promise<void>)[] = [];
  const clocks: { advance(ms: number): unknown }[] = [];
  const fileOf = (table: string): string => join(folder, `${table}.json`);
  return {
    root,
    folder,
    said,
    workplace: {
      folder,
      schema: join(root, "docs", "schema.json"),
      say: (line) => said.push(line),
      pause: async (ms) => {
        for (const clock of clocks) clock.advance(ms);
      },
    },
    async app(name, values = {}) {
      const made = await startApp();
      closing.push(made.close);
      clocks.push(made.clock);
      const environment = { name, url: made.url, values, language: undefined };
      const app = makeSettingsApp(environment, settingsKey);
      const inForce = async (): Promise<Mapping[]> => (await app.current()).documents as Mapping[];
      return {
        environment,
        app,
        lose: made.lose,
        inForce,
        async brand() {
          const fields = (await inForce()).flatMap((document) => document.fields);
          return fields.find(({ target }) => target === "cusBrand")?.source;
        },
        async publish(documents, basedOn = 1) {
          const wanted = { documents, language: undefined };
          await app.publish(wanted, { basedOn, by: "bob", note: "in the portal" });
        },
      };
    },
    write: (table, document, change = (text) => text) =>
      writeFileSync(fileOf(table), change(`${JSON.stringify(document, undefined, 2)}\n`)),
    read: (table) => JSON.parse(readFileSync(fileOf(table), "utf8")) as Mapping,
    async close() {
      for (const close of closing) await close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function startApp() {
  const own = await makeControlWorld();
  const publishing = await makePublishWorld();
  const { ports, settings } = publishing.process();
  const ingress = { ...own.world.ports, settings };
  const ask = asker({ ...own.ports, publishing: ports, ingress, countRows: async () => 1_200 });
  let isLost = false;
  const server = await startHttpServer(async (response, count) => {
    const { method, path, headers, body } = server.requests[count - 1] ?? {
      method: "",
      path: "",
      headers: {},
      body: "",
    };
    const url = new URL(path, "http://app.test");
    const answer = (status: number, text: string): void => void response.writeHead(status).end(text);
    if (headers["x-functions-key"] !== settingsKey) return answer(401, "");
    const { status, text } = await ask(method === "POST" ? "POST" : "GET", url.pathname.replace("/api/control", ""), {
      text: body,
      query: Object.fromEntries(url.searchParams),
      headers: headers as Record<string, string>,
    });
    if (!isLost || !path.endsWith("publish")) return answer(status, text);
    isLost = false;
    response.destroy();
  });
  return {
    url: `${server.url.href}api`,
    clock: publishing.clock,
    close: server.close,
    lose() {
      isLost = true;
    },
  };
}
