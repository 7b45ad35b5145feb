import type { IncomingMessage } from "node:http";

/** A request's body; `too large`: longer than `limit` bytes; `gone`: the client hung up. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer | "too large" | "gone"> {
  if (Number(request.headers["content-length"] ?? 0) > limit) return "too large";
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      size += chunk.length;
      if (size > limit) return "too large";
      chunks.push(chunk);
    }
  } catch {
    return "gone";
  }
  return Buffer.concat(chunks);
}
