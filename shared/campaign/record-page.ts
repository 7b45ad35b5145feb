import { MalformedError } from "../errors.js";
import { parseSameOriginLink } from "../http/link.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { CampaignClient } from "./client.js";
import { collectionOf, getJson, listSchema, type WireRecord } from "./find-record.js";

/** Above a threshold Campaign names no next page unless every call asks for it (facts/campaign.md §5). */
const everyPage = "_forcePagination=true";

/** Where a page begins: at the start without `cursor`. No call starts or repeats after `deadline` (epoch ms). */
export interface PageAsked {
  cursor: string | undefined;
  size: number;
  deadline: number;
}

/**
 * One page of all records of the mapping's resource, in one call; `next` is the cursor of the one behind it. MalformedError: Campaign withholds the rest,
 * or goes round in a circle.
 */
export async function readRecordPage(
  client: CampaignClient,
  mapping: CompiledMapping,
  { cursor, size, deadline }: PageAsked,
): Promise<{ content: WireRecord[]; next: string | undefined }> {
  const operation = `list ${mapping.resource.name}`;
  const path =
    cursor === undefined
      ? `${collectionOf(mapping)}?_lineCount=${size}&${everyPage}`
      : parseSameOriginLink(cursor, client.root);
  const { content, next, serverSidePagination } = await getJson(client, listSchema, { operation, path, deadline });
  if (!next && serverSidePagination === false) {
    throw new MalformedError(`Campaign withheld the rest of ${mapping.resource.name}: the list is not complete`);
  }
  const onward = next && forced(next.href);
  if (onward !== undefined && onward === cursor) {
    throw new MalformedError(`the list of ${mapping.resource.name} goes on with the page that it has just shown`);
  }
  return { content, next: onward };
}

/** The link to the next page, asking for all pages like the first one. Nothing else of it is touched: `_lineStart` is Campaign's secret. */
function forced(href: string): string {
  if (href.includes(everyPage)) return href;
  return `${href}${href.includes("?") ? "&" : "?"}${everyPage}`;
}
