import { describe, expect, it } from "vitest";
import { RefusedError } from "../../../shared/errors.js";
import type { HttpCall } from "../../../shared/http/client.js";
import { makeReadOnlyHttp } from "../../../shared/http/read-only.js";

function lock() {
  const sent: string[] = [];
  const http = makeReadOnlyHttp({
    async send({ system, method }) {
      sent.push(`${system} ${method}`);
      return { status: 200, headers: {}, text: "", attempts: 1, elapsedMs: 0, mayEcho: false };
    },
  });
  const send = (system: HttpCall["system"], method: HttpCall["method"]) =>
    http.send({ system, method, operation: "x", url: new URL("https://peer.test/"), timeoutMs: 1, deadline: 1 });
  return { sent, send };
}

describe("the HTTP client of a dry run", () => {
  it.each(["campaign", "dynamics"] as const)("reads from %s, and sends it nothing else", async (system) => {
    const { sent, send } = lock();

    await send(system, "GET");
    const writes = (["POST", "PATCH", "PUT", "DELETE"] as const).map((method) => send(system, method));
    const settled = await Promise.allSettled(writes);

    expect(sent).toEqual([`${system} GET`]);
    for (const one of settled) expect(one).toMatchObject({ status: "rejected", reason: expect.any(RefusedError) });
  });

  it.each(["ims", "entra"] as const)("asks %s for tokens", async (system) => {
    const { sent, send } = lock();

    await send(system, "POST");

    expect(sent).toEqual([`${system} POST`]);
  });
});
