import { prepareAnswer } from '@switchyard/bus';
import { listTools, sha256, type ToolInfo } from '@switchyard/contracts';
import { LRUCache } from 'lru-cache';
import type { Tool } from '../tool/index.ts';

/*
 * A list of tools in pages, as callers get it.
 *
 * - The etag covers everything that callers get of a list. So each page is checked and encoded once for all callers.
 * - The kept pages are limited in bytes.
 */

/** Most bytes of JSON of one page, so that the answer with its other fields fits into one message. */
const MAX_PAGE_BYTES = 512 * 1024;
const MAX_KEPT_BYTES = 64 * 1024 * 1024;

export interface ToolPage {
  readonly tools: ToolInfo[];
  readonly etag: string;
  readonly nextCursor?: string;
  readonly unchanged?: boolean;
}

interface Asked {
  /** The name of the last tool of the page before. */
  readonly cursor?: string | undefined;
  readonly limit: number;
  /** The etag of the list that the caller has. */
  readonly etag?: string | undefined;
}

/** Keeps checked and encoded pages for all callers. */
export class Pages {
  readonly #kept = new LRUCache<string, ToolPage>({ maxSize: MAX_KEPT_BYTES });

  /** The page of `pageOf`, ready to be sent. */
  of(tools: readonly Tool[], asked: Asked): ToolPage {
    const etag = etagOf(tools);
    if (asked.etag === etag) return pageOf(tools, asked);
    const key = JSON.stringify([etag, asked.limit, asked.cursor]);
    const kept = this.#kept.get(key);
    if (kept) return kept;
    const page = pageOf(tools, asked);
    Object.freeze(page.tools);
    const { bytes } = prepareAnswer(listTools, page);
    this.#kept.set(key, page, { size: bytes });
    return page;
  }

  get bytes(): number {
    return this.#kept.calculatedSize;
  }
}

/** As many tools after the cursor as fit; none where the caller's etag is that of the list. */
export function pageOf(tools: readonly Tool[], { cursor, limit, etag: known }: Asked): ToolPage {
  const etag = etagOf(tools);
  if (known === etag) return { tools: [], etag, unchanged: true };
  const page: ToolInfo[] = [];
  let bytes = 0;
  for (const tool of cursor === undefined ? tools : tools.filter(({ name }) => name > cursor)) {
    if (page.length >= limit || (page.length > 0 && bytes + tool.infoBytes > MAX_PAGE_BYTES))
      return { tools: page, etag, nextCursor: page.at(-1)!.name };
    page.push(tool.info);
    bytes += tool.infoBytes + 1;
  }
  return { tools: page, etag };
}

const etags = new WeakMap<readonly Tool[], string>();

/** The etag of a list, the same in every replica. A list never changes, so its etag is computed once. */
function etagOf(tools: readonly Tool[]): string {
  const known = etags.get(tools);
  if (known !== undefined) return known;
  const etag = sha256(tools.map(({ infoDigest }) => infoDigest).join(''));
  etags.set(tools, etag);
  return etag;
}
