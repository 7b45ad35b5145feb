// Somebody who edits contacts in Dynamics all the time, while a test does something to the system.

import { type Editor, eventually } from "../../infra/local/people.js";
import { contactId } from "../../infra/local/scenarios/contacts.js";

/** Edits that go on until they are stopped. */
export interface SteadyEdits {
  /** Answers when so many more have been committed from now on. */
  more(edits: number): Promise<void>;
  /** Answers how many there were in all. */
  stop(): Promise<number>;
}

const letters = "abcdefghij";

/** Edits one contact after the other, `contacts` of them round and round, each time with another name. */
export function editSteadily(editor: Editor, contacts: number): SteadyEdits {
  let made = 0;
  let isOver = false;
  const work = async (): Promise<number> => {
    while (!isOver) {
      const name = [...String(made)].map((digit) => letters[Number(digit)]).join("");
      await editor.update(contactId(made % contacts), { lastname: `Neu${name}` });
      made += 1;
    }
    return made;
  };
  const done = work();
  // Seen by whoever stops it.
  done.catch(() => {});
  return {
    async more(edits) {
      const goal = made + edits;
      await Promise.race([eventually(`${edits} more edits`, async () => (made >= goal ? true : undefined)), done]);
    },
    stop() {
      isOver = true;
      return done;
    },
  };
}
