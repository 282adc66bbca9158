import { AppError } from '@switchyard/contracts';
import { mcpSdk } from '../common/index.ts';

/*
 * The challenge of an upstream that requires a token, and the scopes to request because of it. Pure.
 *
 * - An upstream is untrusted. Its challenge is cut to a size, and only names of scopes from it are shown to people.
 * - The scopes of the operator's file come first, then those of the challenge, then those that the resource lists.
 * - A new login asks for the earlier scopes and the missing ones, so that the user loses no permission.
 * - A login is not repeated for scopes that were requested already, so that no user is sent in circles.
 */

const MAX_SCOPES = 100;
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/;
const MAX_URL_CHARS = 2_048;

export interface Challenge {
  /** 401: the upstream wants a token, or another one. 403: it wants a token with more scopes. */
  readonly status: 401 | 403;
  readonly scopes: readonly string[];
  readonly resourceMetadataUrl: string | undefined;
}

/** The challenge in an answer; undefined where the answer does not ask for a token. */
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

/** The valid scopes of an untrusted text, each once and at most MAX_SCOPES. */
export function scopesIn(text: string | undefined): string[] {
  return union((text ?? '').split(' ').filter((scope) => SCOPE.test(scope)));
}

export function union(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].slice(0, MAX_SCOPES);
}

export interface ScopeSources {
  /** The scopes of the operator's file. */
  readonly named: readonly string[] | undefined;
  readonly challenged: readonly string[];
  /** `scopes_supported` of the resource and of the authorization server. */
  readonly resource: readonly string[];
  readonly server: readonly string[] | undefined;
  readonly grants: readonly string[] | undefined;
  /** The scopes that the user was asked for before, and those that are asked for now. */
  readonly wanted: readonly string[];
}

const OFFLINE = 'offline_access';

/** The scopes of a login: those of the first source that is there, and the wanted ones. Empty: send no `scope`. */
export function scopesToAsk({ named, challenged, resource, server, grants, wanted }: ScopeSources): string[] {
  const usual = named ?? (challenged.length > 0 ? challenged : resource);
  const asked = union(usual, wanted);
  // Asks for renewals only where the server says that it knows the scope.
  const knows = server?.includes(OFFLINE) === true && (grants?.includes('refresh_token') ?? true);
  if (asked.length === 0) return [];
  return knows ? union(asked, [OFFLINE]) : asked.filter((scope) => scope !== OFFLINE || server === undefined);
}

/** All scopes for the next login, the known ones included; undefined: every one was asked for already. */
export function stepUp(challenged: readonly string[], known: readonly string[]): string[] | undefined {
  return challenged.some((scope) => !known.includes(scope)) ? union(known, challenged) : undefined;
}

/** Thrown where an upstream refused the token of a request. The request had no effect. */
export class Challenged extends AppError {
  readonly #token: string | undefined;

  constructor(
    upstream: string,
    readonly challenge: Challenge,
    token: string | undefined,
  ) {
    super(
      'provider_not_connected',
      `${upstream} rejected the access token; connect the account again under /api/mcp/auth.`,
    );
    this.#token = token;
  }

  /** Whether the upstream refused this token. */
  wasFor(token: string): boolean {
    return this.#token === token;
  }
}

/** Finds the challenge among the causes of an error: the SDK wraps errors while it connects. */
export function challengedIn(error: unknown): Challenged | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth += 1)
    if (at instanceof Challenged) return at;
  return undefined;
}
