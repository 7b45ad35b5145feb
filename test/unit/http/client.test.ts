import type { ServerResponse } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { ThrottledError } from "../../../shared/errors.js";
import { type HttpCall, makeHttpClient } from "../../../shared/http/client.js";
import { fixedClock } from "../../support/fixed-clock.js";
import { type Answer, startHttpServer, type TestServer } from "../../support/http-server.js";

const start = "2026-03-01T00:00:00Z";
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

/** A server with `answer`, a client on a fixed clock (back-off without luck: always the ceiling), and a call of 30 s budget. */
async function world(answer: Answer) {
  const server = await startHttpServer(answer);
  open.push(server);
  const clock = fixedClock(start);
  const client = makeHttpClient({ clock, random: () => 1 });
  return { server, clock, client, call: aCall(server) };
}

function aCall({ url }: Pick<TestServer, "url">, changes: Partial<HttpCall> = {}): HttpCall {
  return {
    system: "campaign",
    operation: "patch profile",
    method: "PATCH",
    url: new URL("profile/1", url),
    timeoutMs: 2_000,
    deadline: Date.parse(start) + 30_000,
    ...changes,
  };
}

function reply(response: ServerResponse, status: number, headers: Record<string, string> = {}, body = ""): void {
  response.writeHead(status, headers).end(body);
}

/** Statuses one after the other; the last one stays. A status of 0 hangs up. */
function inTurn(...answers: (number | [number, Record<string, string>])[]): Answer {
  return (response, count) => {
    const answer = answers[Math.min(count, answers.length) - 1] ?? 200;
    const [status, headers] = Array.isArray(answer) ? answer : [answer, {}];
    if (status === 0) response.destroy();
    else reply(response, status, headers);
  };
}

describe("the HTTP client", () => {
  it("sends method, path, headers and body as given, and answers status, headers and text as they came", async () => {
    const { client, call, server } = await world((response) =>
      reply(response, 201, { "X-Request-Id": "r-1" }, '{"a":1}'),
    );

    const response = await client.send({ ...call, headers: { "content-type": "application/json" }, body: '{"b":2}' });

    expect(response).toMatchObject({ status: 201, text: '{"a":1}', attempts: 1, headers: { "x-request-id": "r-1" } });
    expect(server.requests).toMatchObject([
      { method: "PATCH", path: "/profile/1", body: '{"b":2}', headers: { "content-type": "application/json" } },
    ]);
  });

  it.each([200, 204, 400, 401, 403, 404, 409, 412, 500])("takes %i as final after one attempt", async (status) => {
    const { client, call, clock } = await world(inTurn(status));

    expect(await client.send(call)).toMatchObject({ status, attempts: 1 });

    expect(clock.slept).toEqual([]);
  });

  it.each([429, 502, 503, 504])("tries again after %i until it goes through", async (status) => {
    const { client, call } = await world(inTurn(status, status, 200));

    expect(await client.send(call)).toMatchObject({ status: 200, attempts: 3 });
  });

  it("tries again after an answer that the caller calls transient", async () => {
    const { client, call } = await world(inTurn(500, 200));

    const response = await client.send({ ...call, isTransient: ({ status }) => status === 500 });

    expect(response).toMatchObject({ status: 200, attempts: 2 });
  });

  it("tries again after a connection that broke, at growing distances", async () => {
    const { client, call, clock } = await world(inTurn(0, 0, 0, 200));

    expect(await client.send(call)).toMatchObject({ status: 200, attempts: 4, elapsedMs: 1_750 });

    expect(clock.slept).toEqual([250, 500, 1_000]);
  });

  it("waits exactly as long as Retry-After says in seconds", async () => {
    const { client, call, clock } = await world(inTurn([503, { "retry-after": "7" }], 200));

    await client.send(call);

    expect(clock.slept).toEqual([7_000]);
  });

  it("waits until the date that Retry-After names", async () => {
    const date = new Date(Date.parse(start) + 12_000).toUTCString();
    const { client, call, clock } = await world(inTurn([429, { "retry-after": date }], 200));

    await client.send(call);

    expect(clock.slept).toEqual([12_000]);
  });

  it("waits twice as long each time when a 429 names no time", async () => {
    const { client, call, clock } = await world(inTurn(429, 429, 429, 200));

    await client.send(call);

    expect(clock.slept).toEqual([1_000, 2_000, 4_000]);
  });

  it("gives up at once as throttled, with the time asked for, when a 429 asks for more than the budget", async () => {
    const { client, call, clock, server } = await world(inTurn([429, { "retry-after": "3600" }]));

    await expect(client.send(call)).rejects.toMatchObject({ kind: "throttled", retryAfterMs: 3_600_000 });

    expect(server.requests).toHaveLength(1);
    expect(clock.slept).toEqual([]);
  });

  it("starts no attempt that the budget cannot hold", async () => {
    const { client, call, clock, server } = await world(inTurn(503));

    const error = await client.send(call).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ kind: "unavailable", maybeApplied: false, context: { status: 503 } });
    expect(clock.now()).toBeLessThan(call.deadline);
    expect(server.requests.length).toBeGreaterThan(3);
  });

  it("sends nothing when the deadline has passed", async () => {
    const { client, call, clock, server } = await world(inTurn(200));
    clock.advance(30_000);

    await expect(client.send(call)).rejects.toMatchObject({ kind: "unavailable", maybeApplied: false });

    expect(server.requests).toEqual([]);
  });

  it("does not follow a redirect, and so takes no credentials to another host", async () => {
    const elsewhere = await startHttpServer(inTurn(200));
    open.push(elsewhere);
    const { client, call } = await world(inTurn([302, { location: elsewhere.url.href }]));

    const response = await client.send({ ...call, method: "GET", headers: { authorization: "Bearer sample" } });

    expect(response).toMatchObject({ status: 302, headers: { location: elsewhere.url.href } });
    expect(elsewhere.requests).toEqual([]);
  });
});

describe("the gate of a host", () => {
  it("holds every other call to the host after a 429, until the time has passed", async () => {
    const { client, call, clock, server } = await world(inTurn([429, { "retry-after": "3600" }], 200));
    await client.send(call).catch(() => {});

    await expect(client.send(call)).rejects.toMatchObject({ kind: "throttled", retryAfterMs: 3_600_000 });
    const patient = await client.send({ ...call, deadline: clock.now() + 2 * 3_600_000 });

    expect(patient).toMatchObject({ status: 200, attempts: 1 });
    expect(clock.slept).toEqual([3_600_000]);
    expect(server.requests).toHaveLength(2);
  });

  it("does not hold calls to another host", async () => {
    const { client, call } = await world(inTurn([429, { "retry-after": "3600" }]));
    const other = await startHttpServer(inTurn(200));
    open.push(other);
    await client.send(call).catch(() => {});

    expect(await client.send(aCall(other))).toMatchObject({ status: 200 });
  });

  it("is not closed by a 503 that does not say how long", async () => {
    const { client, call, clock } = await world(inTurn(503, 200));
    await client.send(call);
    const pauses = [...clock.slept];

    expect(await client.send(call)).toMatchObject({ status: 200, attempts: 1 });

    expect(clock.slept).toEqual(pauses);
  });

  it("is closed by a 503 that says how long", async () => {
    const { client, call } = await world(inTurn([503, { "retry-after": "3600" }], 200));
    await client.send(call).catch(() => {});

    await expect(client.send(call)).rejects.toMatchObject({ kind: "throttled" });
  });
});

describe("a throttle for a system", () => {
  /** A client whose network is `statuses` in turn, and what its throttle was asked and told. */
  function throttled(statuses: number[], admit: () => Promise<void> = async () => {}) {
    const clock = fixedClock(start);
    const events: string[] = [];
    const at = (ms: number): number => ms - Date.parse(start);
    const client = makeHttpClient({
      clock,
      random: () => 1,
      throttles: {
        campaign: {
          async admit(call) {
            events.push(`admit ${call.operation}`);
            await admit();
          },
          async refused(until, began) {
            events.push(`refused ${at(began)} until ${at(until)}`);
          },
        },
      },
      onSend: ({ operation }) => events.push(`send ${operation}`),
      async transport() {
        clock.advance(20);
        return { status: statuses.shift() ?? 200, headers: { "retry-after": "3" }, text: "" };
      },
    });
    return { client, clock, events, call: aCall({ url: new URL("http://campaign.test/") }) };
  }

  it("is asked before every attempt, and told of every 429 and of a 503 that says how long", async () => {
    const { client, call, events } = throttled([429, 503, 200]);

    expect(await client.send(call)).toMatchObject({ status: 200, attempts: 3 });

    const attempt = ["admit patch profile", "send patch profile"];
    const refusals = ["refused 0 until 3020", "refused 3020 until 6040"];
    expect(events).toEqual([...attempt, refusals[0], ...attempt, refusals[1], ...attempt]);
  });

  it("is not asked for calls to other systems, token requests among them", async () => {
    const { client, call, events } = throttled([200]);

    await client.send({ ...call, system: "ims", operation: "token request" });

    expect(events).toEqual(["send token request"]);
  });

  it("sends nothing when it lets nobody through before the deadline", async () => {
    const { client, call, events } = throttled([200], async () => {
      throw new ThrottledError("campaign is asking everybody to wait", 60_000);
    });

    await expect(client.send(call)).rejects.toMatchObject({ kind: "throttled", retryAfterMs: 60_000 });

    expect(events).toEqual(["admit patch profile"]);
  });

  it("does not make a call look unsent of which an earlier attempt may have been carried out", async () => {
    let asked = 0;
    const { client, call } = throttled([504], async () => {
      asked += 1;
      if (asked > 1) throw new ThrottledError("campaign is asking everybody to wait", 60_000);
    });

    await expect(client.send(call)).rejects.toMatchObject({ kind: "unavailable", maybeApplied: true });
  });

  it("leaves in an error when the attempt that failed began, for the gates", async () => {
    const { client, call } = throttled(Array.from({ length: 20 }, () => 503));

    const error = await client.send(call).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ context: { attempt: 10, began: Date.parse(start) + 9 * 3_020 } });
  });
});

describe("whether a failed call may have been carried out", () => {
  it.each<[string, Answer, boolean]>([
    ["a connection that broke", inTurn(0), true],
    ["a 502", inTurn(502), true],
    ["a 504", inTurn(504), true],
    ["a 503", inTurn(503), false],
  ])("after %s is said: %s", async (_what, answer, maybeApplied) => {
    const { client, call } = await world(answer);

    await expect(client.send(call)).rejects.toMatchObject({ kind: "unavailable", maybeApplied });
  });

  it("stays possible when later attempts were only told to wait", async () => {
    const { client, call } = await world(inTurn(504, [429, { "retry-after": "3600" }]));

    await expect(client.send(call)).rejects.toMatchObject({ kind: "unavailable", maybeApplied: true });
  });

  it("stays possible when later attempts were certainly not carried out", async () => {
    const { client, call } = await world(inTurn(0, 503));

    await expect(client.send(call)).rejects.toMatchObject({ kind: "unavailable", maybeApplied: true });
  });

  it("stays possible when the gate of the host closes between two attempts", async () => {
    const { call, clock } = await world(inTurn(504, [429, { "retry-after": "3600" }], 200));
    const closeGateMeanwhile = async (ms: number): Promise<void> => {
      await clock.sleep(ms);
      await client.send({ ...call, deadline: clock.now() + 1_000 }).catch(() => {});
    };
    const client = makeHttpClient({ clock: { now: clock.now, sleep: closeGateMeanwhile }, random: () => 1 });

    await expect(client.send(call)).rejects.toMatchObject({ kind: "unavailable", maybeApplied: true });
  });

  it("is ruled out when nothing listens at the address", async () => {
    const { client, call, server } = await world(inTurn(200));
    await server.close();

    await expect(client.send(call)).rejects.toMatchObject({
      kind: "unavailable",
      maybeApplied: false,
      context: { network: "ECONNREFUSED" },
    });
  });
});

describe("the time-out of one attempt", () => {
  it("ends an attempt that is never answered, as possibly carried out", async () => {
    const { client, call } = await world(() => {});

    const error = client.send({ ...call, timeoutMs: 50, deadline: Date.parse(start) + 200 });

    await expect(error).rejects.toMatchObject({ maybeApplied: true, context: { network: "ETIMEDOUT", attempt: 1 } });
  });

  it("ends an attempt whose answer trickles without end", async () => {
    const { client, call } = await world((response) => {
      response.writeHead(200);
      const trickle = setInterval(() => response.write("x"), 10);
      response.on("close", () => clearInterval(trickle));
    });

    const error = client.send({ ...call, timeoutMs: 80, deadline: Date.parse(start) + 200 });

    await expect(error).rejects.toMatchObject({ context: { network: "ETIMEDOUT" } });
  });

  it("ends an attempt whose connection is accepted by something that does not speak HTTP", async () => {
    const silent = createTcpServer((socket) => socket.on("error", () => {}));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const address = silent.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const client = makeHttpClient({ clock: fixedClock(start), random: () => 1 });

    const error = client.send({
      ...aCall({ url: new URL(`http://127.0.0.1:${port}/`) }, { timeoutMs: 50, deadline: Date.parse(start) + 200 }),
    });

    await expect(error).rejects.toMatchObject({ kind: "unavailable", context: { network: "ETIMEDOUT" } });
    silent.close();
  });

  it("is cut to what is left of the budget", async () => {
    const { client, call } = await world(() => {});

    const before = Date.now();
    await client.send({ ...call, timeoutMs: 10_000, deadline: Date.parse(start) + 60 }).catch(() => {});

    expect(Date.now() - before).toBeLessThan(2_000);
  });
});

describe("what an error of the client tells", () => {
  it("names system, operation and status, and nothing of path, header or body", async () => {
    const { client, call } = await world((response) => reply(response, 503, {}, "answer of Planted-Name"));

    const error = await client
      .send({ ...call, headers: { authorization: "Bearer planted-token" }, body: '{"lastName":"Planted-Name"}' })
      .catch((thrown: unknown) => thrown);

    expect(String(error)).toContain("campaign is not available for patch profile: status 503");
    expect(JSON.stringify([String(error), Object.entries(error as object)])).not.toMatch(/[Pp]lanted|profile\/1/);
  });
});
