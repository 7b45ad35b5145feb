// Who may come in: users with their public key and nothing else. One call AUTH in the log per connection.

import type { AuthContext, Connection, ParsedKey } from "ssh2";
import type { Call, Calls } from "./calls.js";
import { readKey } from "./keys.js";

/** A user, and the public key as a line of authorized_keys. */
export interface SftpUser {
  name: string;
  publicKey: string;
}

const maxRefusals = 6;
const methods = ["publickey" as const];

/** Makes what guards each connection. Throws when a user's key cannot be read. `drop` kills the connection. */
export function makeLogin(users: readonly SftpUser[], calls: Calls) {
  const keys = users.map(({ name, publicKey }) => ({ name, key: readKey(publicKey, `user ${name}`) }));

  const keyOf = (context: AuthContext): ParsedKey | undefined =>
    context.method === "publickey"
      ? keys.find(
          ({ name, key }) => name === context.username && key.getPublicSSH().equals(Buffer.from(context.key.data)),
        )?.key
      : undefined;

  return function guard(connection: Connection, client: string, drop: () => void): void {
    let call: Call | undefined;
    let refusals = 0;

    const refuse = (context: AuthContext): void => {
      // Asking what is offered is no attempt.
      if (context.method !== "none") refusals += 1;
      if (refusals < maxRefusals) context.reject(methods);
      else connection.end();
    };

    async function decide(context: AuthContext): Promise<void> {
      if (context.method !== "publickey") return refuse(context);
      const isFirst = call === undefined;
      call ??= calls.begin("AUTH", context.username, client);
      if (isFirst) await call.arrive();
      if (call.fate.reset) return drop();
      const key = keyOf(context);
      if (key === undefined || call.fate.answer) return refuse(context);
      const { signature, blob } = context;
      // Without a signature the client only asks whether this key would do.
      if (signature === undefined || blob === undefined) return context.accept();
      if (!key.verify(blob, signature, context.hashAlgo)) return refuse(context);
      await call.answer();
      if (call.fate.lost) return drop();
      call.end("OK");
      context.accept();
    }

    connection.on("authentication", (context) => {
      decide(context).catch((error: unknown) => {
        console.error("sftp: login", error);
        drop();
      });
    });
    connection.on("close", () => call?.end(call.fate.reset || call.fate.lost ? "none" : "PERMISSION_DENIED"));
  };
}
