import { describe, expect, it } from "vitest";
import { makeHostKeys } from "../../../../infra/local/host/keys/host-keys.js";
import type { KeyStore } from "../../../../infra/local/host/keys/key-store.js";
import { makeMemoryKeys } from "../../../../infra/local/host/keys/memory-keys.js";

const scope = { of: "function", name: "door" } as const;

/** Two hosts of one app, and a clock. */
function twoHosts(store: KeyStore) {
  let now = 0;
  const make = () => makeHostKeys({ function: "setting", master: "master", store, now: () => now });
  return {
    here: make(),
    there: make(),
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe("named keys of several hosts", () => {
  it("open a function with each of its keys at once, and no other function", async () => {
    const { here } = twoHosts(makeMemoryKeys());
    await here.put(scope, { name: "old", value: "first" });
    await here.put(scope, { name: "new", value: "second" });

    const opens = (key: string, name: string) => here.isAllowed("function", key, name);

    expect(await Promise.all([opens("first", "door"), opens("second", "DOOR"), opens("first", "window")])).toEqual([
      true,
      true,
      false,
    ]);
    expect(await here.isAllowed("admin", "first", "door")).toBe(false);
  });

  it("are the same on the other host a second after they changed there", async () => {
    const { here, there, pass } = twoHosts(makeMemoryKeys());
    await here.put(scope, { name: "old", value: "first" });
    expect(await there.isAllowed("function", "first", "door")).toBe(true);
    await here.remove(scope, "old");

    const atOnce = await here.isAllowed("function", "first", "door");
    pass(1_000);

    expect([atOnce, await there.isAllowed("function", "first", "door")]).toEqual([false, false]);
  });

  it("are known at once where they are set, even while somebody else's request was reading them", async () => {
    const store = makeMemoryKeys();
    let goOn = (): void => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const list: KeyStore["list"] = async (of) => {
      const keys = await store.list(of);
      await held;
      return keys;
    };
    const { here } = twoHosts({ ...store, list });
    const early = here.isAllowed("function", "first", "door");
    await here.put(scope, { name: "old", value: "first" });
    goOn();

    expect(await early).toBe(false);
    expect(await here.isAllowed("function", "first", "door")).toBe(true);
  });

  it("stay as they were last read while the store is away, and those of the settings never need it", async () => {
    let isAway = false;
    const store = makeMemoryKeys();
    const list: KeyStore["list"] = (of) => (isAway ? Promise.reject(new Error("away")) : store.list(of));
    const { here, there, pass } = twoHosts({ ...store, list });
    await here.put(scope, { name: "old", value: "first" });
    await here.isAllowed("function", "first", "door");
    isAway = true;
    pass(60_000);

    expect(await here.isAllowed("function", "first", "door")).toBe(true);
    expect(await there.isAllowed("function", "setting", "door")).toBe(true);
    await expect(there.isAllowed("function", "first", "door")).rejects.toThrow("away");
  });
});
