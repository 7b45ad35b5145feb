import { MalformedError } from "../errors.js";

/** Reads a link that a peer answered; one that leads to another host or scheme is refused (style.md 5.11). Throws MalformedError. */
export function parseSameOriginLink(link: string, base: URL): URL {
  const url = URL.canParse(link, base.href) ? new URL(link, base) : undefined;
  if (!url || url.origin !== base.origin) throw new MalformedError(`a link of ${base.host} leads to another host`);
  return url;
}
