// The Dataverse simulator under volume, in a process of its own: memory, pages of changes, rates over a socket (issue 3, "Volume").
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { startProcess } from "../../infra/local/processes.js";
import { contactId, inventContact } from "../../infra/local/scenarios/contacts.js";
import { type Bench, type BenchOptions, type Result, rate } from "../bench.js";
import { type HttpLoad, makeHttpLoad } from "../http-load.js";
import { median, ratePerSecond, residentMiB, timed } from "../measure.js";
import { fill, settledRate, settledRateCount } from "./fill.js";

const part = "dataverse-simulator";
const columns =
  "$select=firstname,lastname,emailaddress1,mobilephone,telephone1,birthdate,gendercode,address1_line1,address1_city";
const sample = 5000;
const width = 16;

interface Page {
  value: unknown[];
  "@odata.nextLink"?: string;
  "@odata.deltaLink"?: string;
}

/** Contacts: 100,000 of them, or a million in full. */
export const dataverseSimulator: Bench = {
  name: part,
  async run(options) {
    const child = await startProcess({
      name: part,
      script: "infra/local/dataverse/main.ts",
      args: ["--port", "0"],
    });
    try {
      const load = await signIn(child.address);
      try {
        return await measure(load, makeHttpLoad(child.address), child.pid, options);
      } finally {
        load.close();
      }
    } finally {
      await child.stop();
    }
  },
};

async function measure(
  load: HttpLoad,
  admin: HttpLoad,
  pid: number | undefined,
  { full, say }: BenchOptions,
): Promise<Result[]> {
  const total = full ? 1_000_000 : 100_000;
  const contacts = `${total.toLocaleString("en")} contacts`;
  const create = (from: number) =>
    settledRate(pid, from, (number) => load.send("POST", "contacts", inventContact(number)));
  const seed = (first: number, count: number) =>
    admin.send("POST", "/_sim/seed", {
      set: "contacts",
      rows: Array.from({ length: count }, (_, index) => inventContact(first + index)),
    });

  say("creating over the socket, empty");
  const empty = await create(0);
  say(`seeding up to ${contacts}`);
  const slowing = await fill({ pid, from: settledRateCount, to: total, seed, say });
  say("reading everything with change tracking");
  const { pagesMs, deltaLink } = await readTracked(load);
  say(`slowest page: number ${pagesMs.indexOf(Math.max(...pagesMs)) + 1} of ${pagesMs.length}`);
  const filled = await create(total);
  const delta = await timed(() => readPage(load, deltaLink));
  if (delta.answer.value.length !== 5000) throw new Error(`a page of ${delta.answer.value.length} changes`);

  say("rates over the socket");
  const spread = (index: number): string => `contacts(${contactId((index * 7919) % total)})`;
  const reads = await ratePerSecond(sample, width, (index) => load.send("GET", `${spread(index)}?${columns}`));
  const updates = await ratePerSecond(sample, width, (index) =>
    load.send("PATCH", spread(index), { jobtitle: `job ${index}` }),
  );
  const lists = await ratePerSecond(300, width, () => load.send("GET", `contacts?${columns}&$top=100`));
  const found = await ratePerSecond(20, 2, (index) =>
    load.send(
      "GET",
      `contacts?${columns}&$filter=emailaddress1 eq 'contact.${index}@example.com'`.replaceAll(" ", "%20"),
    ),
  );
  admin.close();

  return [
    {
      name: `${part} memory, ${contacts}`,
      value: residentMiB(pid),
      unit: "MiB",
      goal: full ? 4096 : null,
      better: "lower",
    },
    { name: `${part} tracked page of 5,000, median`, value: median(pagesMs), unit: "ms", goal: 1000, better: "lower" },
    {
      name: `${part} tracked page of 5,000, slowest`,
      value: Math.max(...pagesMs),
      unit: "ms",
      goal: 1000,
      better: "lower",
    },
    { name: `${part} page of 5,000 changes by delta link`, value: delta.ms, unit: "ms", goal: 1000, better: "lower" },
    rate(`${part} seeding, last tenth against first`, slowing, "ratio", 0.8),
    rate(`${part} creates, full against empty`, empty.ms / filled.ms, "ratio", 0.8),
    rate(`${part} creates`, filled.rate),
    rate(`${part} reads by id`, reads),
    rate(`${part} updates by id`, updates),
    rate(`${part} lists of 100`, lists),
    rate(`${part} lists by a column without index`, found),
  ];
}

async function readPage(load: HttpLoad, link: string): Promise<Page> {
  const { text } = await load.send("GET", link, undefined, { prefer: "odata.track-changes, odata.maxpagesize=5000" });
  return JSON.parse(text) as Page;
}

/** Pages through a tracked read to its delta link. */
async function readTracked(load: HttpLoad): Promise<{ pagesMs: number[]; deltaLink: string }> {
  const pagesMs: number[] = [];
  let link: string | undefined = `contacts?${columns}`;
  while (link !== undefined) {
    const current: string = link;
    const { ms, answer } = await timed(() => readPage(load, current));
    pagesMs.push(ms);
    link = answer["@odata.nextLink"];
    if (answer["@odata.deltaLink"] !== undefined) return { pagesMs, deltaLink: answer["@odata.deltaLink"] };
  }
  throw new Error("no delta link");
}

async function signIn(url: string): Promise<HttpLoad> {
  const { clientId, clientSecret } = LOCAL_APPS.integration;
  const answer = await fetch(`${url}/${WELL_KNOWN.tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: clientId,
      client_secret: clientSecret,
      scope: `${url}/.default`,
    }),
  });
  const { access_token } = (await answer.json()) as { access_token: string };
  return makeHttpLoad(`${url}/api/data/v9.2/`, { authorization: `Bearer ${access_token}`, accept: "application/json" });
}
