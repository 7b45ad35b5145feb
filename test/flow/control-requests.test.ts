import { beforeEach, describe, expect, it } from "vitest";
import { refuse } from "../../shared/control/answer.js";
import { holderOfTheKey } from "../../shared/control/authorize.js";
import { makeController, maxBodyBytes } from "../../shared/control/router.js";
import { AuthError, ThrottledError } from "../../shared/errors.js";
import { asker, type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { recordId } from "../support/samples.js";

let own: ControlWorld;
beforeEach(async () => {
  own = await makeControlWorld();
});

describe("a request to the control API", () => {
  it.each([
    ["GET", "/"],
    ["GET", "/nothing"],
    ["POST", "/status"],
    ["DELETE", "/settings"],
    ["GET", "/failures/contact"],
  ] as const)("to %s %s, which is no route, is told so and no more", async (method, path) => {
    const { status, text } = await own.ask(method, path);

    expect(status).toBe(404);
    expect(text).toBe('{"error":{"code":"no-such-route","message":"there is nothing here"}}');
  });

  it.each([
    ["GET", "/failures", { query: { limit: "501" } }, "query.limit", "give at most 500"],
    ["GET", "/failures", { query: { limit: "x" } }, "query.limit", "give a number"],
    ["GET", "/failures", { query: { status: "closed" } }, "query.status", "give one of open, resolved, dismissed"],
    ["GET", "/failures", { query: { stauts: "open" } }, "query.stauts", "correct its spelling or leave it out"],
    ["GET", "/failures/contact/7", {}, "path.id", "give the record's id, such as 00000000-0000-4000-8000-000000000001"],
    ["GET", "/records/con%2Ftact/x", {}, "path.table", "give the table's logical name, such as contact"],
    ["POST", "/tables/contact/replay", {}, "body.mode", "give one of changed, verify, report, force"],
    ["POST", "/tables/contact/replay", { body: [] }, "body", "give an object"],
    ["POST", "/workflows/ingress/stop", { body: { drain: "no" } }, "body.drain", "give a boolean"],
    ["POST", "/workflows/ingress/start", { body: { now: true } }, "body.now", "correct its spelling or leave it out"],
    ["POST", "/preview", { body: { table: "contact" } }, "body.ids", "add it: an array"],
    ["POST", "/preview", { body: { table: "contact", ids: ["x"] } }, "body.ids[0]", "give the record's id"],
    ["POST", "/settings/publish", { body: { documents: [] } }, "body.documents", "give at least 1 items"],
    ["POST", "/failures/redrive", { body: {} }, "body", "docs/control-api.json"],
  ] as const)("%s %s %j is refused, naming %s and the fix", async (method, path, asked, where, fix) => {
    const { status, body } = await own.ask(method, path, asked);

    expect(status).toBe(400);
    expect(body.error).toMatchObject({
      code: "invalid-request",
      problems: expect.arrayContaining([expect.objectContaining({ path: where, fix: expect.stringContaining(fix) })]),
    });
  });

  it("is answered with all of its problems at once", async () => {
    const { body } = await own.ask("GET", "/failures", { query: { limit: "0", status: "x", other: "1" } });

    expect((body.error as { problems: { path: string }[] }).problems.map(({ path }) => path).sort()).toEqual([
      "query.limit",
      "query.other",
      "query.status",
    ]);
  });

  it("may carry the function key in its address, which is neither a parameter of ours nor ever repeated", async () => {
    const query = { code: "the-key-itself", clientId: "console", status: "nonsense-value" };

    const { status, body, text } = await own.ask("GET", "/failures", { query });

    expect(status).toBe(400);
    expect((body.error as { problems: unknown[] }).problems).toHaveLength(1);
    expect(text).not.toContain("the-key-itself");
    expect(text).not.toContain("nonsense-value");
  });

  it.each([
    ["{", {}, 400],
    ['{"drain":true}', { "content-type": "text/plain" }, 415],
    ['{"drain":true}', { "content-type": "application/jsonx" }, 415],
    ['{"drain":true}', { "content-type": "application/json; charset=utf-8" }, 200],
    ["", { "content-type": "text/plain" }, 200],
    ["{}", { "content-length": String(maxBodyBytes + 1) }, 413],
    [`"${"ä".repeat(maxBodyBytes / 2)}"`, {}, 413],
  ])("with a body such as %.20s and headers %j is answered %i… %i", async (text, headers, expected) => {
    expect((await own.ask("POST", "/workflows/ingress/stop", { text, headers })).status).toBe(expected);
  });

  it.each(["ada@example.com", "Ada Lovelace", "", "-x", "a".repeat(65), "x\r\ny"])(
    "from operator %j is refused: that is no id",
    async (name) => {
      expect(await own.ask("POST", "/workflows/ingress/stop", { headers: { "x-operator": name } })).toMatchObject({
        status: 400,
        body: { error: { problems: [{ path: "header.x-operator" }] } },
      });
      expect(await own.control.current()).toMatchObject({ wanted: "running" });
    },
  );

  it("is refused before anything else when nobody may make it", async () => {
    const nobody = asker(own.ports, async () => refuse(401, "unauthenticated", "sign in"));
    const reader = asker(own.ports, async ({ changes }) =>
      changes ? refuse(403, "forbidden", "you may look only") : { operator: "reader" },
    );

    expect(await nobody("GET", "/nothing")).toMatchObject({ status: 401 });
    expect(await reader("POST", "/workflows/ingress/stop")).toMatchObject({ status: 403 });
    expect(await reader("DELETE", "/tables/contact/parking")).toMatchObject({ status: 403 });
    expect(await reader("GET", "/failures")).toMatchObject({ status: 200 });
    expect(await own.control.current()).toMatchObject({ wanted: "running" });
  });

  it("is told when to ask again while three long ones are under way, and short ones are answered meanwhile", async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const controller = makeController({ ...own.ports, ready: () => gate }, holderOfTheKey);
    const handle = (path: string) =>
      controller.handle({ method: "GET", path, query: {}, header: () => undefined, text: async () => "" });
    const running = [1, 2, 3].map(() => handle("/failures/export"));

    const fourth = await handle("/failures/export");
    const short = handle(`/failures/contact/${recordId(1)}`);
    release();
    await Promise.all(running);
    const later = await handle("/failures/export");

    expect(fourth.answer).toMatchObject({ status: 429, headers: { "retry-after": "5" } });
    expect((await short).answer.status).toBe(404);
    expect(later.answer.status).toBe(200);
  });

  it.each([
    [new ThrottledError("dynamics asks to wait", 2_500), 503, "throttled", "3"],
    [new AuthError("dynamics does not accept our credentials"), 503, "auth", undefined],
  ])("that a peer keeps from being answered says so: %s", async (error, status, code, retryAfter) => {
    own.ports.countRows = async () => {
      throw error;
    };

    const heard = await own.ask("GET", "/tables/contact/estimate");

    expect(heard).toMatchObject({ status, body: { error: { code, message: error.message } } });
    expect(heard.headers["retry-after"]).toBe(retryAfter);
  });

  it("that runs into a mistake of ours is answered without a word of it, and the mistake is handed to the log", async () => {
    const mistake = new TypeError("cannot read lastname of Lee");
    own.ports.countRows = async () => {
      throw mistake;
    };
    const controller = makeController(own.ports, holderOfTheKey);

    const { answer, error, route } = await controller.handle({
      method: "GET",
      path: "/tables/contact/estimate",
      query: {},
      header: () => undefined,
      text: async () => "",
    });

    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer.body)).not.toContain("Lee");
    expect(error).toBe(mistake);
    expect(route).toBe("GET /tables/{table}/estimate");
  });
});
