import { randomUUID } from 'node:crypto';
import type { Bus } from '@switchyard/bus';
import { listTools, type Principal } from '@switchyard/contracts';
import { BoundedMap } from '@switchyard/platform';
import type { Tool } from '@modelcontextprotocol/server';
import { toMcpTool } from './results.ts';

/*
 * The tool lists of our users, in MCP form and ready to be sent.
 *
 * - mcp-tool is asked each time whether a list is still current. A cached list is shown only to a user whose list at
 *   that moment has the same etag.
 * - A page is encoded once for all users who share it. The cache is limited: the page that was requested longest ago
 *   goes first.
 */

export interface ToolPage {
  readonly tools: readonly Tool[];
  /** The same as JSON. */
  readonly text: string;
  readonly nextCursor?: string | undefined;
  /** The schemas of those tools that want arguments as headers, too. */
  readonly wantHeaders: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

type Schemas = ToolPage['wantHeaders'];

const MAX_USERS = 5_000;
const MAX_KEPT_CHARS = 32 * 1024 * 1024;
const MAX_PAGES = 20;

export class ToolLists {
  /** The etag of the list that a user was shown last. */
  readonly #etags = new BoundedMap<string, string>(MAX_USERS);
  /** By etag and cursor. */
  readonly #pages = new Map<string, ToolPage>();
  #chars = 0;

  readonly #bus: Pick<Bus, 'request'>;

  constructor(bus: Pick<Bus, 'request'>) {
    this.#bus = bus;
  }

  /** One page of the tools that this user may use now. Throws AppError. */
  async page(principal: Principal, cursor?: string): Promise<ToolPage> {
    const user = JSON.stringify([principal.tenantId, principal.userId, principal.role, principal.tools]);
    const etag = this.#etags.get(user);
    const kept = etag === undefined ? undefined : this.#pages.get(keyOf(etag, cursor));
    const asked = { principal, ...(cursor === undefined ? {} : { cursor }), ...(kept ? { etag } : {}) };
    // A cached page is never shown without asking: mcp-tool says by the etag whether this user still has the same list.
    const given = await this.#bus.request(listTools, asked);
    if (kept && given.unchanged) {
      this.#keep(keyOf(etag!, cursor), kept);
      return kept;
    }
    const tools = given.tools.map(toMcpTool);
    const { nextCursor } = given;
    const page: ToolPage = { tools, text: JSON.stringify(tools), nextCursor, wantHeaders: wantingHeaders(tools) };
    if (given.etag === undefined) return page;
    this.#etags.set(user, given.etag);
    this.#keep(keyOf(given.etag, cursor), page);
    return page;
  }

  /** Of every tool of this user that wants arguments as headers. */
  async wantHeaders(principal: Principal): Promise<Schemas> {
    const found = new Map<string, Readonly<Record<string, unknown>>>();
    let cursor: string | undefined;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const page = await this.page(principal, cursor);
      for (const [name, schema] of page.wantHeaders) found.set(name, schema);
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    return found;
  }

  /** Caches a page; the pages that were requested longest ago make room for it. */
  #keep(key: string, page: ToolPage): void {
    this.#forget(key);
    this.#pages.set(key, page);
    this.#chars += page.text.length;
    for (const oldest of this.#pages.keys()) {
      if (this.#chars <= MAX_KEPT_CHARS) break;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#chars -= this.#pages.get(key)?.text.length ?? 0;
    this.#pages.delete(key);
  }
}

/** Stands for a list until it is spliced in; no other text can contain it. */
const MARK = randomUUID();
export const LIST_TO_COME: readonly Tool[] = [{ name: MARK, inputSchema: { type: 'object' } }];
const MARKED = JSON.stringify(LIST_TO_COME);

/** Splices the list into the answer without parsing either. */
export function withList(answer: string, list: string): string {
  const at = answer.indexOf(MARKED);
  if (at < 0) throw new Error('the place of a list of tools was not found');
  return `${answer.slice(0, at)}${list}${answer.slice(at + MARKED.length)}`;
}

function wantingHeaders(tools: readonly Tool[]): Schemas {
  const wanting = tools.filter(({ inputSchema }) => JSON.stringify(inputSchema).includes('"x-mcp-header"'));
  return new Map(wanting.map(({ name, inputSchema }) => [name, inputSchema as Readonly<Record<string, unknown>>]));
}

function keyOf(etag: string, cursor: string | undefined): string {
  return cursor === undefined ? etag : `${etag}\n${cursor}`;
}
