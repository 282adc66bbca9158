import { prepareAnswer } from '@switchyard/bus';
import { listTools, sha256, type ToolInfo } from '@switchyard/contracts';
import { LRUCache } from 'lru-cache';
import type { Tool } from '../tool/index.ts';

/*
 * A list of tools as it is told.
 *
 * P1 The etag stands for all that is told of the list, so a page of it is checked and encoded once, whoever asks. What
 *    is kept is bounded in bytes.
 */

/** Bytes of JSON of one page: with what stands around it, it fits into one message. */
const MAX_PAGE_BYTES = 512 * 1024;
const MAX_KEPT_BYTES = 64 * 1024 * 1024;

export interface ToolPage {
  readonly tools: ToolInfo[];
  readonly etag: string;
  readonly nextCursor?: string;
  readonly unchanged?: boolean;
}

interface Asked {
  /** The name of the last one of the page before. */
  readonly cursor?: string | undefined;
  readonly limit: number;
  /** Of the list that the caller has. */
  readonly etag?: string | undefined;
}

/** P1 */
export class Pages {
  readonly #kept = new LRUCache<string, ToolPage>({ maxSize: MAX_KEPT_BYTES });

  /** What `pageOf` gives, ready to be sent. */
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

/** The tools after the cursor, as many as fit; none where the caller has the list as it is. */
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

/** The same for the same list, in every replica. Lists do not change, so it is made once for each. */
function etagOf(tools: readonly Tool[]): string {
  const known = etags.get(tools);
  if (known !== undefined) return known;
  const etag = sha256(tools.map(({ infoDigest }) => infoDigest).join(''));
  etags.set(tools, etag);
  return etag;
}
