import {
  AppError,
  type InputOf,
  type McpFrame,
  type McpMethod,
  type mcpRequest,
  type OutputOf,
  type Principal,
  roleSuffices,
} from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import { stripControlCharsIn, type InputStates } from '../../common/index.ts';
import { logEvent } from '../../log-events.ts';
import { answersOf, asNotDone, completeOr, InputNeeded, metaOf, NotDone } from './calls.ts';
import type { UpstreamConfig } from '../connections/config.ts';
import { framesOf } from './frames.ts';
import type { Ask, UpstreamPool } from '../connections/index.ts';
import { type ResourceRef, promptNameOf, promptsNamed, uriOf, urisNamed } from './names.ts';
import { withUris } from './results.ts';

/*
 * Resources, prompts and completions of the upstreams, as one server would have them.
 *
 * - A caller reaches only the upstreams that its role and authorisation allow. An upstream that it may not use answers
 *   exactly like one that does not exist.
 * - A list holds the items of the upstreams that answered in time; `_meta` names the other upstreams. One upstream that
 *   is away never makes the list empty.
 * - Lists are sorted. The cursor of a page names the last item of the page before it, not a number.
 * - An answer fits one message.
 */

export interface RequestsParts {
  readonly pool: Pick<UpstreamPool, 'use'>;
  readonly upstreams: () => readonly UpstreamConfig[];
  readonly unavailable: () => readonly { upstream: string; reason: string }[];
  /** Whether this user may use the provider now. */
  readonly mayUse: (principal: Principal, provider: string) => Promise<boolean>;
  readonly states: InputStates;
  readonly log: Logger;
}

export interface RequestContext {
  readonly signal: AbortSignal;
  readonly tell?: (frame: McpFrame) => void;
}

type Request = InputOf<typeof mcpRequest>;
type Answer = OutputOf<typeof mcpRequest>;
type Item = Record<string, unknown>;

const UNAVAILABLE_META = 'io.switchyard/unavailable';
const LIST_BUDGET_MS = 5_000;
const PAGE = 100;
const MAX_ITEMS = 10_000;
const MAX_ANSWER_BYTES = 700_000;
const NOT_FOUND = -32_602;

/** What each list holds, and how an item is named towards our callers. */
const LISTS: Partial<Record<McpMethod, { field: string; outward: (upstream: UpstreamConfig, item: Item) => Item }>> = {
  'resources/list': {
    field: 'resources',
    outward: (upstream, item) => ({ ...item, uri: uriOf(upstream, String(item['uri'])) }),
  },
  'resources/templates/list': {
    field: 'resourceTemplates',
    outward: (upstream, item) => ({ ...item, uriTemplate: uriOf(upstream, String(item['uriTemplate'])) }),
  },
  'prompts/list': {
    field: 'prompts',
    outward: (upstream, item) => ({ ...item, name: promptNameOf(upstream, String(item['name'])) }),
  },
};

export class UpstreamRequests {
  readonly #parts: RequestsParts;

  constructor(parts: RequestsParts) {
    this.#parts = parts;
  }

  async answer(request: Request, context: RequestContext): Promise<Answer> {
    const upstreams = await this.#usable(request.principal);
    const list = LISTS[request.method];
    try {
      const result = list
        ? await this.#list(request, upstreams, list, context)
        : await this.#one(request, upstreams, context);
      return { result };
    } catch (error) {
      if (error instanceof InputNeeded) return { inputRequired: error.required };
      if (error instanceof NotDone) return { error: error.mcpError ?? { code: -32_603, message: error.message } };
      if (error instanceof AppError) throw error;
      logEvent(this.#parts.log, 'upstream_answer_unusable', { err: error, method: request.method });
      throw new AppError('upstream_failed', undefined, { cause: error });
    }
  }

  /** The upstreams that this caller may use, by role and authorisation. */
  async #usable(principal: Principal): Promise<UpstreamConfig[]> {
    const all = this.#parts.upstreams().filter(({ required_role: role }) => roleSuffices(principal.role, role));
    const may = await Promise.all(
      all.map(({ provider }) => this.#parts.mayUse(principal, provider).catch(() => false)),
    );
    return all.filter((_, i) => may[i]);
  }

  /** One page of the sorted items of all upstreams that answered in time; `_meta` names the others. */
  async #list(
    { method, params, principal, mcp }: Request,
    upstreams: readonly UpstreamConfig[],
    { field, outward }: NonNullable<(typeof LISTS)[McpMethod]>,
    { signal }: RequestContext,
  ): Promise<Item> {
    const after = cursorOf(params['cursor']);
    const away: { upstream: string; reason: string }[] = [];
    const lists = await Promise.all(
      upstreams.map(async (upstream) => {
        try {
          const ask = { signal, timeoutMs: LIST_BUDGET_MS, maxTimeoutMs: LIST_BUDGET_MS };
          const work = this.#ask(upstream, principal, method, { _meta: metaOf(mcp, {}) }, ask);
          const result = await withinBudget(work, upstream);
          const items = Array.isArray(result[field]) ? (result[field] as Item[]) : [];
          return items.slice(0, MAX_ITEMS).map((item) => outward(upstream, stripControlCharsIn(item) as Item));
        } catch (error) {
          const known = this.#parts.unavailable().find((each) => each.upstream === upstream.name)?.reason;
          away.push({ upstream: upstream.name, reason: known ?? 'It did not answer in time.' });
          logEvent(this.#parts.log, 'upstream_missing_in_list', { err: error, upstream: upstream.name, method });
          return [];
        }
      }),
    );
    const keyed = lists.flat().map((item) => [keyOf(item), item] as const);
    keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const unique = keyed.filter(([key], i) => i === 0 || keyed[i - 1]![0] !== key);
    const rest = unique.filter(([key]) => after === undefined || key > after);
    const page: Item[] = [];
    let bytes = 0;
    for (const [, item] of rest.slice(0, PAGE)) {
      bytes += Buffer.byteLength(JSON.stringify(item));
      if (bytes > MAX_ANSWER_BYTES && page.length > 0) break; // A page fits one message.
      page.push(item);
    }
    const more = rest.length > page.length && page.length > 0;
    return {
      [field]: page,
      ...(more ? { nextCursor: Buffer.from(rest[page.length - 1]![0]).toString('base64url') } : {}),
      ...(away.length === 0 ? {} : { _meta: { [UNAVAILABLE_META]: away } }),
    };
  }

  async #one(request: Request, upstreams: readonly UpstreamConfig[], context: RequestContext): Promise<Item> {
    const { method, params, principal, mcp } = request;
    const places = placesOf(method, params, upstreams);
    let refusal: unknown;
    for (const { upstream, inner } of places) {
      const place = { principal, upstream, method, name: inner };
      try {
        const asked = withInner(method, params, inner);
        const answers = answersOf(this.#parts.states, mcp, place);
        const ask: Ask = {
          signal: context.signal,
          timeoutMs: upstream.timeout_ms,
          maxTimeoutMs: upstream.max_timeout_ms,
          ...framesOf(mcp, context.tell),
        };
        const result = await this.#ask(
          upstream,
          principal,
          method,
          { ...asked, ...answers, _meta: metaOf(mcp, {}) },
          ask,
        );
        return fitting(outwardResult(upstream, method, completeOr<Item>(this.#parts.states, result, mcp, place)));
      } catch (error) {
        // Without prefixes any of them may know it.
        refusal = asNotDone(upstream, error, context.signal);
        if (!(refusal instanceof NotDone) || places.length === 1) throw refusal;
      }
    }
    throw refusal ?? new NotDone('There is nothing under this name for you.', notFound(method, params));
  }

  #ask(upstream: UpstreamConfig, principal: Principal, method: McpMethod, params: Item, ask: Ask): Promise<Item> {
    return this.#parts.pool.use(upstream, principal, (link) => link.request(method, params, ask), ask.signal);
  }
}

function placesOf(method: McpMethod, params: Item, upstreams: readonly UpstreamConfig[]): ResourceRef[] {
  if (method === 'resources/read') return urisNamed(upstreams, String(params['uri']));
  if (method === 'prompts/get') return promptsNamed(upstreams, String(params['name']));
  const ref = (params['ref'] ?? {}) as Item;
  return ref['type'] === 'ref/prompt'
    ? promptsNamed(upstreams, String(ref['name']))
    : urisNamed(upstreams, String(ref['uri']));
}

function withInner(method: McpMethod, params: Item, inner: string): Item {
  if (method === 'resources/read') return { ...params, uri: inner };
  if (method === 'prompts/get') return { ...params, name: inner };
  const ref = (params['ref'] ?? {}) as Item;
  return { ...params, ref: ref['type'] === 'ref/prompt' ? { ...ref, name: inner } : { ...ref, uri: inner } };
}

/** As our callers may read it: links lead back through us, and nothing is hidden in it. */
function outwardResult(upstream: UpstreamConfig, method: McpMethod, result: Item): Item {
  const outward = (uri: string) => uriOf(upstream, uri);
  const shown = stripControlCharsIn(result) as Item;
  if (method === 'resources/read')
    return {
      ...shown,
      contents: itemsOf(shown['contents']).map((item) => ({ ...item, uri: outward(String(item['uri'])) })),
    };
  if (method === 'prompts/get')
    return {
      ...shown,
      messages: itemsOf(shown['messages']).map((message) => ({
        ...message,
        content: withUris((message['content'] ?? {}) as Item, outward),
      })),
    };
  return shown;
}

/** The result, where it fits one message. Throws `response_too_large` where it does not. */
function fitting(result: Item): Item {
  if (Buffer.byteLength(JSON.stringify(result)) <= MAX_ANSWER_BYTES) return result;
  throw new AppError('response_too_large', `The answer is larger than ${Math.floor(MAX_ANSWER_BYTES / 1_000)} KB.`);
}

function itemsOf(value: unknown): Item[] {
  return Array.isArray(value) ? (value as Item[]) : [];
}

function keyOf(item: Item): string {
  return String(item['uri'] ?? item['uriTemplate'] ?? item['name']);
}

function cursorOf(cursor: unknown): string | undefined {
  if (cursor === undefined) return undefined;
  if (typeof cursor === 'string' && /^[A-Za-z0-9_-]{1,8000}$/.test(cursor))
    return Buffer.from(cursor, 'base64url').toString('utf8');
  throw new NotDone('The cursor is not one that a list here has given.', {
    code: NOT_FOUND,
    message: 'Invalid cursor',
  });
}

function notFound(method: McpMethod, params: Item): { code: number; message: string; data?: unknown } {
  return method === 'resources/read'
    ? { code: NOT_FOUND, message: 'Resource not found', data: { uri: params['uri'] } }
    : { code: NOT_FOUND, message: 'There is nothing under this name for you.' };
}

/** Connecting counts too: a list waits for nobody. */
async function withinBudget<T>(work: Promise<T>, upstream: UpstreamConfig): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AppError('upstream_timeout', `${upstream.name} did not answer in time.`)),
      LIST_BUDGET_MS,
    );
  });
  work.catch(() => undefined);
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
