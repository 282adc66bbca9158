import { AppError } from '@switchyard/contracts';
import { RedirectRefused, type SafeFetch } from '@switchyard/safe-fetch';
import { type ToolContext, ToolError } from '../tool/index.ts';
import { asUser, type TokenOf, TokenRefused, type UserTokens } from '../oauth/index.ts';

/*
 * Calls the API of a provider on behalf of a user.
 *
 * - Every request goes below one base address, and the token goes nowhere else (user-token.ts).
 * - An answer is small, quick and JSON, or it is an error. The provider's own judge interprets refusals.
 * - A refusal (4xx) did nothing. An error of the server, a redirect, or an unreadable answer leaves open whether
 *   anything was done.
 */

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Segments of the path; each is encoded, so none is taken for several. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface ApiParts {
  readonly fetch: SafeFetch;
  readonly tokens: UserTokens;
  readonly title: string;
  /** Without a slash at its end. */
  readonly base: string;
  readonly of: TokenOf;
  /** The error for an answer; undefined if it is fine. */
  readonly judge: (answer: Answered, title: string) => Error | undefined;
}

const LIMITS = { timeoutMs: 20_000, maxResponseBytes: 4 * 1024 ** 2 };

/** The provider refused, and did nothing. */
export class ApiRefusal extends ToolError {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export class ProviderApi {
  readonly #parts: ApiParts;

  constructor(parts: ApiParts) {
    this.#parts = parts;
  }

  /** What it answers, parsed. */
  ask({ principal, signal }: Pick<ToolContext, 'principal' | 'signal'>, request: ApiRequest): Promise<unknown> {
    const { tokens, of } = this.#parts;
    return asUser(tokens, of, principal, (token) => this.#once(request, token, signal));
  }

  async #once({ method = 'GET', path, query, body, headers }: ApiRequest, token: string, signal: AbortSignal) {
    const { fetch, base, title, judge } = this.#parts;
    const url = new URL(`${base}/${path.map((part) => segment(part)).join('/')}`);
    for (const [name, value] of Object.entries(query ?? {}))
      for (const one of Array.isArray(value) ? (value as string[]) : [value])
        if (one !== undefined) url.searchParams.append(name, String(one));
    const json: Record<string, string> =
      body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' };
    const sent = { accept: 'application/json', authorization: `Bearer ${token}`, ...json, ...headers };
    const how = { method, headers: sent, signal, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    try {
      const response = await fetch(url, { ...how, ...LIMITS });
      const answer = { status: response.status, headers: response.headers, body: parsed(await response.text()) };
      const wrong = judge(answer, title);
      if (wrong) throw wrong;
      if (answer.body === undefined) throw new AppError('upstream_failed', `${title} did not answer in valid JSON.`);
      return answer.body;
    } catch (error) {
      // The request was sent: whether anything was done is open.
      if (error instanceof RedirectRefused) throw new AppError('upstream_failed', error.message, { cause: error });
      throw error;
    }
  }
}

/** Refusals that any provider may give, after tokens and rate limits were judged. */
export function plainRefusal({ status }: Answered, title: string, said: string | undefined): Error | undefined {
  if (status < 400) return undefined;
  const words = said === undefined || said === '' ? '' : `: ${said.replace(/\s+/g, ' ').trim().slice(0, 300)}`;
  if (status >= 500 || status === 408) return new AppError('upstream_failed', `${title} answered ${status}.`);
  return new ApiRefusal(`${title} answered ${status}${words}`, status);
}

/** The error for too many requests; nothing was done, and the same call may be made again. */
export function tooOften({ headers }: Pick<Answered, 'headers'>, title: string): ToolError {
  const seconds = Number(headers.get('retry-after'));
  const when = seconds > 0 && seconds < 86_400 ? `in ${Math.ceil(seconds)} s` : 'in a while';
  return new ToolError(`${title} limits how often it is asked; try again ${when}.`, { code: 'unavailable' });
}

export function tokenRefused(status: 401 | 403, scopes: readonly string[] = []): TokenRefused {
  return new TokenRefused({ status, scopes, resourceMetadataUrl: undefined });
}

/** "." and ".." would leave the place. */
function segment(text: string): string {
  const encoded = encodeURIComponent(text);
  if (/^\.{0,2}$/.test(encoded)) throw new ToolError('An id may not be empty, "." or "..".');
  return encoded;
}

/** Undefined if the text is not JSON; null if it is empty. */
function parsed(text: string): unknown {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
