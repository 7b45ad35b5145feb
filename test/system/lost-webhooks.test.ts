import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../../infra/local/people.js";
import { contactId, inventContact } from "../../infra/local/scenarios/contacts.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

const contacts = 300;

/** Edits, creates and deletes, spread over rows that are loaded early and late. */
async function editSome({ editor }: SmallSystem): Promise<void> {
  for (let number = 0; number < 20; number += 1) {
    await editor.update(contactId(number * 10), { lastname: `Neu${"abcdefghij"[number % 10]}` });
  }
  for (let number = 0; number < 5; number += 1) {
    await editor.create(inventContact(contacts + number));
    await editor.remove(contactId(5 + number * 40));
  }
}

describe("with every webhook lost", () => {
  it("all changes arrive by the sweep, those made while the first load runs included", async () => {
    system = await startSmallSystem(contacts);
    await system.observer.fault("dataverse", { on: "webhook", drop: true });
    const host = await system.startHost();
    await system.register(host);
    await eventually("the load to begin", async () => ((await system?.observer.profileCount()) ?? 0) > 10 || undefined);

    await editSome(system);
    await system.agree();
    await editSome({ ...system, editor: { ...system.editor, create: async () => {}, remove: async () => {} } });
    await system.agree();

    expect(system.logs()).not.toContain("notice queued");
  }, 180_000);
});

describe("with every webhook sent twice and in shuffled order", () => {
  it("the result is the same, and no profile is written twice with the same content", async () => {
    system = await startSmallSystem(contacts);
    await system.observer.fault("dataverse", { on: "webhook", double: true, shuffleMs: 800 });
    const host = await system.startHost();
    await system.register(host);

    for (const lastname of ["Erst", "Zweit", "Dritt"]) {
      for (let number = 0; number < 20; number += 1) await system.editor.update(contactId(number), { lastname });
    }
    await editSome(system);
    await system.agree();

    expect(system.logs()).toContain("notice queued");
    expect(await system.observer.equalWrites()).toEqual([]);
  }, 180_000);
});
