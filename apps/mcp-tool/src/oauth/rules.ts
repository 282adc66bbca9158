import { AppError } from '@switchyard/contracts';
import { mcpSdk } from '../common/index.ts';

/*
 * What an upstream that wants a token says, and what is asked for because of it. Pure.
 *
 * H1 An upstream is a stranger: what it says is cut to a size, and nothing of it but names of scopes is shown to anybody.
 * H2 The scopes of a challenge come first, then those of the operator's file, then those that the resource lists.
 * H3 What was asked for before is asked for again with what is missing, so that no permission is lost on the way.
 * H4 An upstream that refuses what was asked for already gets no other try: nobody is sent in circles.
 */

const MAX_SCOPES = 100;
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/;
const MAX_URL_CHARS = 2_048;

export interface Challenge {
  /** 401: another token, or one at all. 403: one that may do more. */
  readonly status: 401 | 403;
  readonly scopes: readonly string[];
  readonly resourceMetadataUrl: string | undefined;
}

/** Undefined where the answer does not ask for a token. */
export function challengeOf(response: Response): Challenge | undefined {
  const { status } = response;
  if (status !== 401 && status !== 403) return undefined;
  const { error, scope, resourceMetadataUrl } = mcpSdk().extractWWWAuthenticateParams(response);
  if (status === 403 && error !== 'insufficient_scope') return undefined;
  const url = resourceMetadataUrl?.href;
  return {
    status,
    scopes: scopesIn(scope),
    resourceMetadataUrl: url !== undefined && url.length <= MAX_URL_CHARS ? url : undefined,
  };
}

/** H1 */
export function scopesIn(text: string | undefined): string[] {
  return union((text ?? '').split(' ').filter((scope) => SCOPE.test(scope)));
}

export function union(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].slice(0, MAX_SCOPES);
}

export interface ScopeSources {
  /** Of the operator's file. */
  readonly named: readonly string[] | undefined;
  readonly challenged: readonly string[];
  /** `scopes_supported` of the resource and of the authorization server. */
  readonly resource: readonly string[];
  readonly server: readonly string[] | undefined;
  readonly grants: readonly string[] | undefined;
  /** What the user was asked for, and is asked for now. */
  readonly wanted: readonly string[];
}

const OFFLINE = 'offline_access';

/** H2, H3. Empty: the parameter is left out. */
export function scopesToAsk({ named, challenged, resource, server, grants, wanted }: ScopeSources): string[] {
  const usual = named ?? (challenged.length > 0 ? challenged : resource);
  const asked = union(usual, wanted);
  // A renewal is worth asking for where the server says that it knows the scope, and nowhere else.
  const knows = server?.includes(OFFLINE) === true && (grants?.includes('refresh_token') ?? true);
  if (asked.length === 0) return [];
  return knows ? union(asked, [OFFLINE]) : asked.filter((scope) => scope !== OFFLINE || server === undefined);
}

/** H3, H4: all that is asked for next; undefined: asking again would give nothing new. */
export function stepUp(challenged: readonly string[], known: readonly string[]): string[] | undefined {
  return challenged.some((scope) => !known.includes(scope)) ? union(known, challenged) : undefined;
}

/** An upstream did not take the token of a request, and did nothing. */
export class Challenged extends AppError {
  readonly #token: string | undefined;

  constructor(
    upstream: string,
    readonly challenge: Challenge,
    token: string | undefined,
  ) {
    super('provider_not_connected', `${upstream} does not take the authorisation.`);
    this.#token = token;
  }

  /** Whether it was this token. */
  wasFor(token: string): boolean {
    return this.#token === token;
  }
}

/** The SDK wraps what happens while it connects. */
export function challengedIn(error: unknown): Challenged | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth += 1)
    if (at instanceof Challenged) return at;
  return undefined;
}
