import { randomUUID } from 'node:crypto';
import type { Bus } from '@switchyard/bus';
import { listTools, type Principal } from '@switchyard/contracts';
import type { Tool } from '@modelcontextprotocol/server';
import { toMcpTool } from './results.ts';

/*
 * The lists of tools of our users, in the words of MCP and ready to be sent.
 *
 * - mcp-tool is asked each time whether a list is still what it was. A kept list is shown only to a user to whom mcp-tool
 *   shows the very same list at that moment, by its etag.
 * - A page is made and encoded once for all users who have it. What is kept is bounded: the page that was asked for
 *   longest ago goes first.
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
  readonly #etags = new Map<string, string>();
  /** By etag and cursor. */
  readonly #pages = new Map<string, ToolPage>();
  #chars = 0;

  readonly #bus: Pick<Bus, 'request'>;

  constructor(bus: Pick<Bus, 'request'>) {
    this.#bus = bus;
  }

  /** One page of what this user may use now. Throws AppError. */
  async page(principal: Principal, cursor?: string): Promise<ToolPage> {
    const user = JSON.stringify([principal.tenantId, principal.userId, principal.role, principal.tools]);
    const etag = this.#etags.get(user);
    const kept = etag === undefined ? undefined : this.#pages.get(keyOf(etag, cursor));
    const asked = { principal, ...(cursor === undefined ? {} : { cursor }), ...(kept ? { etag } : {}) };
    // A kept page is never shown without asking: mcp-tool says by the etag whether this user still has the same list.
    const given = await this.#bus.request(listTools, asked);
    if (kept && given.unchanged) {
      this.#keep(keyOf(etag!, cursor), kept);
      return kept;
    }
    const tools = given.tools.map(toMcpTool);
    const { nextCursor } = given;
    const page: ToolPage = { tools, text: JSON.stringify(tools), nextCursor, wantHeaders: wantingHeaders(tools) };
    if (given.etag === undefined) return page;
    touch(this.#etags, user, given.etag);
    for (const oldest of this.#etags.keys()) {
      if (this.#etags.size <= MAX_USERS) break;
      this.#etags.delete(oldest);
    }
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

  /** Keeps a page; the pages that were asked for longest ago make room for it. */
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

/** What stands for a list until it is put in; nobody else can write it. */
const MARK = randomUUID();
export const LIST_TO_COME: readonly Tool[] = [{ name: MARK, inputSchema: { type: 'object' } }];
const MARKED = JSON.stringify(LIST_TO_COME);

/** The answer with the list in its place, which is not parsed, checked and written anew for it. */
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

function touch(map: Map<string, string>, key: string, value: string): void {
  map.delete(key);
  map.set(key, value);
}
