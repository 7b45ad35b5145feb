// The Campaign simulator under volume, in a process of its own: memory, pages, rates over a socket (issue 3, "Volume").
import { startProcess } from "../../infra/local/processes.js";
import { type Bench, type BenchOptions, type Result, rate } from "../bench.js";
import { type HttpLoad, makeHttpLoad } from "../http-load.js";
import { median, ratePerSecond, residentMiB, timed } from "../measure.js";
import { fill, settledRate, settledRateCount } from "./fill.js";

const part = "campaign-simulator";
const sample = 5000;
const width = 16;

/** Profiles: 100,000 of them, or a million in full. */
export const campaignSimulator: Bench = {
  name: part,
  async run(options) {
    const child = await startProcess({ name: part, script: "infra/local/campaign/main.ts", args: ["--port", "0"] });
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
  const profiles = `${total.toLocaleString("en")} profiles`;
  const create = (from: number) =>
    settledRate(pid, from, (number) => load.send("POST", "profile", inventProfile(number)));
  const seed = (first: number, count: number) =>
    admin.send("POST", "/_sim/seed", {
      resource: "profile",
      records: Array.from({ length: count }, (_, index) => inventProfile(first + index)),
    });

  say("creating over the socket, empty");
  const empty = await create(0);
  say(`seeding up to ${profiles}`);
  const slowing = await fill({ pid, from: settledRateCount, to: total, seed, say });
  const filled = await create(total);

  say("rates over the socket");
  const spread = (index: number): string => `profile/c-${(index * 7919) % total}`;
  const reads = await ratePerSecond(sample, width, (index) => load.send("GET", spread(index)));
  const updates = await ratePerSecond(sample, width, (index) =>
    load.send("PATCH", spread(index), { middleName: `M${index}` }),
  );
  const lists = await ratePerSecond(300, width, () => load.send("GET", "profile?_lineCount=100&_forcePagination=true"));
  const found = await ratePerSecond(500, width, (index) =>
    load.send("GET", `profile/byExternalId?externalId_parameter=c-${(index * 7919) % total}`),
  );
  const pagesMs: number[] = [];
  let page = "profile?_lineCount=5000&_forcePagination=true";
  for (let count = 0; count < 10; count += 1) {
    const { ms, answer } = await timed(() => load.send("GET", page));
    pagesMs.push(ms);
    page = (JSON.parse(answer.text) as { next: { href: string } }).next.href;
  }
  admin.close();

  return [
    {
      name: `${part} memory, ${profiles}`,
      value: residentMiB(pid),
      unit: "MiB",
      goal: full ? 4096 : null,
      better: "lower",
    },
    { name: `${part} page of 5,000, median`, value: median(pagesMs), unit: "ms", goal: 1000, better: "lower" },
    rate(`${part} seeding, last tenth against first`, slowing, "ratio", 0.8),
    rate(`${part} creates, full against empty`, empty.ms / filled.ms, "ratio", 0.8),
    rate(`${part} creates`, filled.rate),
    rate(`${part} reads by key`, reads),
    rate(`${part} updates by key`, updates),
    rate(`${part} finds by filter`, found),
    rate(`${part} lists of 100`, lists),
  ];
}

/** Invented profile `number`; nobody in here exists. */
function inventProfile(number: number): object {
  return {
    externalId: `c-${number}`,
    firstName: `First${number % 977}`,
    lastName: `Last${number % 7919}`,
    email: `profile.${number}@example.com`,
    mobilePhone: `+49 30 ${5550000 + (number % 10_000)}`,
    birthDate: `${1940 + (number % 65)}-01-${String(1 + (number % 28)).padStart(2, "0")}`,
    location: {
      address1: `Lindenweg ${number % 300}`,
      city: "Musterstadt",
      zipCode: String(10_000 + (number % 80_000)),
    },
  };
}

async function signIn(url: string): Promise<HttpLoad> {
  const answer = await fetch(`${url}/ims/token/v3`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: "local-client",
      client_secret: "local-secret",
      scope: "openid,AdobeID,campaign_sdk",
    }),
  });
  const { access_token } = (await answer.json()) as { access_token: string };
  return makeHttpLoad(`${url}/acme/campaign/profileAndServicesExt/`, {
    authorization: `Bearer ${access_token}`,
    "x-api-key": "local-client",
  });
}
