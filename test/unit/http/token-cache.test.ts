import { describe, expect, it } from "vitest";
import { makeTokenCache } from "../../../shared/http/token-cache.js";
import { fixedClock } from "../../support/fixed-clock.js";

const minute = 60_000;

/** A source of numbered tokens that live for `lifeMs`. */
function issuer(lifeMs: number) {
  const clock = fixedClock("2026-03-01T00:00:00Z");
  let asked = 0;
  const cache = makeTokenCache(async () => {
    asked += 1;
    return { value: `token-${asked}`, expiresAt: clock.now() + lifeMs };
  }, clock);
  return { cache, clock, asked: () => asked };
}

describe("makeTokenCache", () => {
  it("asks once and gives the same token until five minutes before its end", async () => {
    const { cache, clock } = issuer(60 * minute);

    expect(await cache.token()).toBe("token-1");
    clock.advance(55 * minute - 1);
    expect(await cache.token()).toBe("token-1");
    clock.advance(1);
    expect(await cache.token()).toBe("token-2");
  });

  it("uses nine tenths of a life too short for the margin", async () => {
    const { cache, clock } = issuer(2 * minute);

    await cache.token();
    clock.advance(1.8 * minute - 1);
    expect(await cache.token()).toBe("token-1");
    clock.advance(1);
    expect(await cache.token()).toBe("token-2");
  });

  it("shares one request among callers of the same moment", async () => {
    const { cache, asked } = issuer(60 * minute);

    const tokens = await Promise.all([cache.token(), cache.token(), cache.token()]);

    expect(tokens).toEqual(["token-1", "token-1", "token-1"]);
    expect(asked()).toBe(1);
  });

  it("asks again after the peer rejected the token", async () => {
    const { cache } = issuer(60 * minute);

    cache.reject(await cache.token());

    expect(await cache.token()).toBe("token-2");
  });

  it("keeps the newer token when an older one is rejected late", async () => {
    const { cache } = issuer(60 * minute);
    const old = await cache.token();
    cache.reject(old);
    const newer = await cache.token();

    cache.reject(old);

    expect(await cache.token()).toBe(newer);
  });

  it("fails every waiting caller when the request fails, and asks anew for the next", async () => {
    let asked = 0;
    const cache = makeTokenCache(
      async () => {
        asked += 1;
        if (asked === 1) throw new Error("down");
        return { value: `token-${asked}`, expiresAt: 60 * minute };
      },
      { now: () => 0, sleep: async () => {} },
    );

    const first = await Promise.allSettled([cache.token(), cache.token()]);

    expect(first.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await cache.token()).toBe("token-2");
  });
});
